/** The map on its own, for narrow screens; wide ones show it beside the document. */

import {mapPanel} from "../map_panel.js";

export const map = {
  name: "map",
  title: "Map",
  create(root) {
    return {
      show(address) {
        const panel = mapPanel();
        if (panel.element.parentElement !== root) root.append(panel.element);
        return panel.show(address);
      },
    };
  },
};
