/** States of documents as people read them. */

const NAMES = {undecided: "Undecided", kept: "Kept", relabelled: "Relabelled", ambiguous: "Ambiguous", excluded: "Excluded",
  skipped: "Skipped", disagreement: "Disagreement"};

/** The name of a state for people. */
export function stateName(state) {
  return NAMES[state] ?? state;
}
