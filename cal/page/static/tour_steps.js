/** The steps of the tour: what each says, what it points at, and what the reader does to go on. */

import {counted, el} from "../map/dom.js";
import {get} from "./api.js";
import {keyOf} from "./words.js";

const MORE = 5;  // documents to decide in the middle of the tour

/**
 * The steps.
 *
 * @param {function(Array): void} tell replaces the words of the step in front.
 * @returns {Array<{title: string, words: function(): Array, about: string[], until?: Object, again?: Object,
 *   begin?: function(): void}>}
 *   `again`: what is done at events while the step is in front;
 *   `about`: selectors of what it points at, of which the first counts that has something in sight; `until`: events that end the step, with
 *   functions that say which ones do.
 */
export function steps(tell) {
  const key = name => el("kbd", {}, keyOf(name));
  const decided = detail => !detail.undone && detail.numbers.length > 0;
  let more = 0;
  const fewMore = () => [
    ["Go on with ", counted(MORE - more, "document"), ". What is decided does not come back."],
    ["Press ", key("ambiguous"), " if more than one label fits, and ", key("skip"), " to skip what you cannot decide."],
  ];
  /** In the demo, tells how many of the wrong labels were found. */
  const found = async () => {
    try {
      const {told} = await get("injected");
      if (told) tell([told, ["Export the labels to save them as a file. ", key("help"), " shows all keys, and starts this tour again."]]);
    } catch {
      // the words of the step do
    }
  };
  return [
    {
      title: "Read the text",
      words: () => [
        "Below it are two labels: the one it was given, and the one that a model suggests. Either may be wrong.",
        ["The guidelines say what the labels mean. ", key("guidelines"), " opens and closes them."],
      ],
      about: [".card-read :is(.text, .labels-said)", ".card"],
    },
    {
      title: "Decide with one key",
      words: () => [
        ["If the given label is right, keep it: ", key("keep"), ". If not, press the number of the right one, or its button."],
        "The next document comes at once. Do not worry about mistakes: the next step takes this one back.",
      ],
      about: [".card .panel", ".card"],
      until: {decided},
    },
    {
      title: "Take it back",
      words: () => [
        ["Press ", key("undo"), " to undo: the document comes back. You can undo any number of steps."],
      ],
      about: [".act-undo", ".card .panel"],
      until: {decided: detail => !!detail.undone},
    },
    {
      title: "Now a few more",
      words: fewMore,
      about: [".card .panel", ".card"],
      begin: () => { more = 0; },
      until: {decided: detail => {
        if (!decided(detail)) return false;
        more += 1;
        if (more < MORE) tell(fewMore());
        return more >= MORE;
      }},
    },
    {
      title: "The map",
      words: () => [
        "Each point is a document. The lower it is, the less the model believed its label: look for wrong labels at the bottom.",
        "Click a point to open its document.",
      ],
      about: [".map-side", '#tabs a[data-view="map"]'],
      until: {open: () => true},
    },
    {
      title: "How far are we?",
      words: () => [
        "This line counts decisions and errors found. Later, it also estimates how many errors are left. Click it to see more.",
      ],
      about: ["#progress-line", '#tabs a[data-view="progress"]'],
      until: {address: ({address}) => address.view === "progress"},
    },
    {
      title: "Take the labels with you",
      words: () => [
        "When you stop, export the labels as a file. Every decision is kept, even if you close this page.",
        [key("help"), " shows all keys, and starts this tour again."],
      ],
      about: ['#tabs a[data-view="export"]', "#tabs"],
      begin: found,
      again: {changes: found},
    },
  ];
}
