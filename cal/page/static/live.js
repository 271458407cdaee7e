/** What others decide, as it happens. */

import {app, emit} from "./state.js";
import {refresh} from "./session.js";

/** Listens to the server; the browser connects again by itself. */
export function listen() {
  let seq = app.about.seq;
  const connect = () => {
    const source = new EventSource(`/api/changes?after=${seq}`);
    source.onmessage = async event => {
      const changes = JSON.parse(event.data);
      seq = changes.seq;
      if (changes.labels) {
        await refresh();
        emit("about");
      }
      emit("changes", changes);
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;  // it connects again by itself
      setTimeout(connect, 3000);
    };
  };
  connect();
}
