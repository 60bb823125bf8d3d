"""Draw where people stood: a picture, the brighter the longer, of all that the server still holds.

python examples/heat_map.py redis://127.0.0.1:6379/0 hall heat.png
"""

import sys

import cv2
import numpy as np

from ghostpose.client import PoseReader, PoseRecord, foot_of

CELL_PX = 16


def main(url: str, camera: str, picture: str) -> None:
    """Count feet by cell until nothing more comes, and write the picture."""
    heat = None
    with PoseReader(url, [camera], start="begin") as reader:
        while records := reader.read(block_s=0.5):
            for message in (one.message for one in records if isinstance(one, PoseRecord)):
                if heat is None:
                    rows, columns = -(-message.height // CELL_PX), -(-message.width // CELL_PX)
                    heat = np.zeros((rows, columns), np.float32)
                for person in message.people:
                    x, y = foot_of(person)
                    row, column = int(y // CELL_PX), int(x // CELL_PX)
                    if 0 <= row < rows and 0 <= column < columns:
                        heat[row, column] += 1
    if heat is None:
        sys.exit(f"no poses of camera {camera} at {url}")
    write(heat, picture)


def write(heat: np.ndarray, picture: str) -> None:
    """Smooth and colour the counts, and write them at the camera's size."""
    smooth = cv2.GaussianBlur(np.log1p(heat), (0, 0), 1.0)
    grey = (255 * smooth / max(smooth.max(), 1e-6)).astype(np.uint8)
    grey = cv2.resize(grey, None, fx=CELL_PX, fy=CELL_PX, interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(picture, cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO))


if __name__ == "__main__":
    main(*sys.argv[1:])
