"""A worker as a process of its own, beside the page that started it: `python -m cal.annotation.learning.child`.

It reads the project and the options as JSON from its input, and ends with the process that started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from cal.watchdog import end_with

USAGE = 2
"""Exit status where trying again would not help: options that cannot be used, or another worker."""
NICE = 10


def main() -> int:
    """Learns until it is stopped."""
    given: dict[str, Any] = json.loads(sys.stdin.read())
    end_with(given["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the page, which then stops this process
    os.nice(NICE)  # whoever labels goes first

    from cal.annotation.learning.claim import OtherWorkerError
    from cal.annotation.requests.learn_request import LearnRequest
    from cal.errors import CalError, ConfigError

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        LearnRequest(project=given["project"], **given["options"]).run(quiet=given["quiet"])
    except KeyboardInterrupt:
        return 0
    except CalError as error:
        sys.stderr.write(f"cal annotate learn: {error}\n")
        return USAGE if isinstance(error, ConfigError | OtherWorkerError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
