"""Full-data maps: request, folder, page, regions, differences and files of other tools."""
