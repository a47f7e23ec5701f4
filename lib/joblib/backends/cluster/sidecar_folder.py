# A part of sidecar.py: what has to go with a process, however that ends.

import shutil
import subprocess
import tempfile

# Waits for the process's end. Others that end with it may write for a while yet.
# No child of the process: Ray's workers kill theirs first.
CLEANER = (
    'exec 3<&0; { cat <&3; for seconds in 0 1 2 4 8; do sleep "$seconds"; '
    'rm -rf "$0" && break; done; } &'
)


class OwnFolder:
    """A folder of this process in the temp folder."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="joblib-%d-" % os.getpid())
        cleaner = subprocess.Popen(
            ["/bin/sh", "-c", CLEANER, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.held = cleaner.stdin
        cleaner.wait()

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
        self.held.close()
