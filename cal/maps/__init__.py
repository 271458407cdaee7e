"""Full-data maps: drawing, folders, pages, differences, and files of other tools."""
