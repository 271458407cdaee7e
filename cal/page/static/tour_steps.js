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
    ["Go on with ", counted(MORE - more, "document"), ". Whatever was decided does not come back."],
    ["If more than one label fits, the document is ambiguous: ", key("ambiguous"), ". If you cannot tell, skip it: ", key("skip"), "."],
  ];
  /** In the demo, tells how many of the wrong labels were found. */
  const found = async () => {
    try {
      const {told} = await get("injected");
      if (told) tell([told, ["To save the labels, export them. All keys, and this tour, are in the help: ", key("help"), "."]]);
    } catch {
      // the words of the step do
    }
  };
  return [
    {
      title: "Read the text",
      words: () => [
        "Two labels stand below it: the one that the data give, and the one that a model suggests. Either may be wrong.",
        ["What the labels mean is in the guidelines: ", key("guidelines"), " opens and closes them."],
      ],
      about: [".card-read :is(.text, .labels-said)", ".card"],
    },
    {
      title: "Decide with one key",
      words: () => [
        ["If the given label is right, keep it: ", key("keep"), ". If not, press the number of the right one, or its button."],
        "The next text comes at once. Nobody minds if you err: the next step takes it back.",
      ],
      about: [".card .panel", ".card"],
      until: {decided},
    },
    {
      title: "Take it back",
      words: () => [
        ["Undo brings the document back: ", key("undo"), ". You can take back any number of steps."],
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
        "Each point is a document. The further down, the less the model believes its label, so look for wrong labels there.",
        "Open a document by its point.",
      ],
      about: [".map-side", '#tabs a[data-view="map"]'],
      until: {open: () => true},
    },
    {
      title: "How far are we?",
      words: () => [
        "This line counts what is decided and what was wrong. Later it estimates how many errors are left, too. Open it to see more.",
      ],
      about: ["#progress-line", '#tabs a[data-view="progress"]'],
      until: {address: ({address}) => address.view === "progress"},
    },
    {
      title: "Take the labels with you",
      words: () => [
        "When you stop, export the labels as a file, or train on them. Every decision is kept, whatever happens to this page.",
        ["All keys are in the help, ", key("help"), ", which starts this tour again."],
      ],
      about: ['#tabs a[data-view="export"]', "#tabs"],
      begin: found,
      again: {changes: found},
    },
  ];
}
