/**
 * The views, in the order of their tabs.
 *
 * A view is {name, title, when, create(root)}; its tab is there if `when` is left out or says so. `create` fills its root once and returns {show(address), hide()}, of which
 * `show` is called with the keys of the address whenever they change while the view is in front.
 */

import {disagreements} from "./disagreements.js";
import {documents} from "./documents.js";
import {exporting} from "./export.js";
import {learning} from "./learning.js";
import {map} from "./map.js";
import {progress} from "./progress.js";
import {review} from "./review.js";
import {settings} from "./settings.js";

export const views = [review, map, documents, progress, learning, disagreements, exporting, settings];
