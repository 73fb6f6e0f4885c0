"""An agent's program that says what it was told to: NAME HOW ..., of the answer that stands for the task."""

import os
import sys

box, name, how, more = os.environ["ROUND_BOX"], sys.argv[1], sys.argv[2], sys.argv[3:]
with open(os.path.join(box, "calls"), "a", encoding="utf-8") as f:
    f.write(name + "\n")
path = os.path.join(box, "answers", name)
with open(path if os.path.exists(path) else os.path.join(box, "answers", "helper"), "rb") as f:
    text = f.read()
if how == "words":
    # So many words, whatever the prompt holds, and none that has become an option: one that would begin like such comes behind a line end.
    dashed = len(more) > 1 and more[1].startswith("--to=-")
    if len(more) < 4 or len(more) > 6 or more[-1] != "end" or not more[1].startswith("--to=") or more[0] != "\n" * dashed + more[1][5:]:
        with open(os.path.join(box, "pwned"), "a", encoding="utf-8") as f:
            f.write(f"words: {more!r}\n")
out = sys.stdout.buffer
if how == "file":
    with open(more[0], "wb") as f:
        f.write(text)
elif how == "error":
    sys.stderr.buffer.write(text)
    out.write(text[:1000])
    sys.exit(1 if len(text) % 3 == 0 else 0)
else:
    out.write(text)
