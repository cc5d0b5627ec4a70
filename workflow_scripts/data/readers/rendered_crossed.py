"""Reader of a rendered source whose objects are drawn in crossed views: each pose in each color.

    settings.json    what the tree was drawn with; all else follows from it

The tree is that of the layout `rendered`, and so is its first view. The views of an object are a square number, such as
36: of 6 poses in 6 colors, see `rendering.crossing`. (The contact sheet shows the views as they are drawn without
this layout: the step `render`, which makes it, knows none.)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workflow_scripts.data.readers.rendered import Rendered
from workflow_scripts.data.rendering.crossing import count_poses, cross_latents
from workflow_scripts.data.rendering.scenes import ObjectName, make_object, sample_latents
from workflow_scripts.data.rendering.tree import use_one_thread
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.memory import keep_freed_memory

DRAWS = True  # see `base.DrawingReader`
POSES = True  # see `base.ImageReader`


class RenderedCrossed(Rendered):
    """Objects that are drawn when they are read, in crossed views; see `base.Reader`, and `Rendered` for their bytes.

    Raises `UserError` where the number of views is no square.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        if not count_poses(self.views):
            below = max(2, int(self.views**0.5))
            raise UserError(
                f"{root} has {self.views} views of an object, but the layout `rendered_crossed` draws every pose in "
                f"every color: set render.views to a square, such as {below**2} or {(below + 1) ** 2}"
            )

    def _draw(self, name: ObjectName) -> tuple[np.ndarray, np.ndarray]:
        from workflow_scripts.data.rendering.raycaster import Lighting, render

        use_one_thread()
        keep_freed_memory()
        settings = self._settings
        latents = cross_latents(sample_latents(settings, name))
        composite, lighting = make_object(self._templates[name.label], settings, name), Lighting(shadow=settings.shadow)
        return render(composite, latents, settings.resolution, settings.supersampling, lighting, self.device), latents


open_reader = RenderedCrossed
