/** How long each document was in front, while the page could be seen. */

/**
 * Makes a stopwatch.
 *
 * @returns {{show: function(number|null): void, seconds: function(number): number, forget: function(number): void}}
 *   `show` starts the time of a document (null stops), `seconds` gives it.
 */
export function createStopwatch() {
  const passed = new Map();  // number of a document -> seconds
  let shown = null, since = 0;

  const pause = () => {
    if (shown !== null && since) passed.set(shown, (passed.get(shown) ?? 0) + (performance.now() - since) / 1000);
    since = 0;
  };
  const go = () => { since = shown !== null && document.visibilityState === "visible" ? performance.now() : 0; };

  document.addEventListener("visibilitychange", () => { pause(); go(); });
  return {
    show(number) {
      pause();
      shown = number;
      go();
    },
    seconds(number) {
      const open = number === shown && since ? (performance.now() - since) / 1000 : 0;
      return Math.round(1000 * ((passed.get(number) ?? 0) + open)) / 1000;
    },
    forget: number => passed.delete(number),
  };
}
