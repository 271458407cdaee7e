/** The map on its own, for narrow screens; wide ones show it beside the document. */

import {go} from "../address.js";
import {mapPanel} from "../map_panel.js";
import {on} from "../state.js";

export const map = {
  name: "map",
  title: "Map",
  create(root) {
    on("open", () => { if (!root.hidden && root.isConnected) go({view: "review"}); });
    return {
      show(address) {
        const panel = mapPanel();
        if (panel.element.parentElement !== root) root.append(panel.element);
        return panel.show(address);
      },
    };
  },
};
