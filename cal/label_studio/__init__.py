"""A machine-learning backend for Label Studio: its uncertainty sampling becomes our strategy.

    cal annotate label-studio learned strategy=margin

- `labelling` reads the question that a project asks; `payloads` holds the messages of the protocol; `changes` says what
  they change, and what annotators have decided.
- `state` keeps all that in a file.
- `ranking` puts tasks in order, with the loop of `cal.active`; `trainer` does it in the background.
- `app` answers Label Studio, `guard` says who may ask; `exchange` reads and sends through its API, by `client`.
- `backend` puts all of it together; `request` is the command, with `options`.
"""
