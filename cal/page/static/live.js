/** What others decide, and what models learn, as it happens. */

import {setLearning} from "./learning_now.js";
import {app, emit} from "./state.js";
import {refresh} from "./session.js";

/** Listens to the server; the browser connects again by itself. */
export function listen() {
  let seq = app.about.seq;
  const connect = () => {
    const source = new EventSource(`/api/changes?after=${seq}`);
    source.onmessage = async event => {
      const changes = JSON.parse(event.data);
      const happened = changes.seq !== seq, before = app.about.learning, {learning} = changes;
      seq = changes.seq;
      if (learning) setLearning(learning);
      if (changes.labels || (learning && (learning.queue !== before?.queue || learning.batch !== before.batch))) {
        await refresh();
        emit("about");
      }
      if (learning) emit("learning");
      if (happened) emit("changes", changes);
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;  // it connects again by itself
      setTimeout(connect, 3000);
    };
  };
  connect();
}
