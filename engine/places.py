"""Where Graft keeps its things: settings, library, latents, autosaves, converted models.

The usual folders of each system, or one folder of the user's choice in the environment variable ``GRAFT_HOME``
(for a stick, a shared machine, or a test).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.atomic import remove_leftovers, storage_error

APP_NAME = "Graft"
HOME_VARIABLE = "GRAFT_HOME"


@dataclass(frozen=True, slots=True)
class Places:
    """Three roots and what lies under them. Nothing is created until `make`.

    Attributes:
        config: Settings of the window.
        data: What cannot be made again: library, latents, autosaves.
        cache: What can: models converted to safetensors, thumbnails.
    """

    config: Path
    data: Path
    cache: Path

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.ini"

    @property
    def library_file(self) -> Path:
        return self.data / "library.sqlite3"

    @property
    def latents_folder(self) -> Path:
        return self.data / "latents"

    @property
    def autosave_folder(self) -> Path:
        return self.data / "autosave"

    @property
    def runs_folder(self) -> Path:
        """Training runs that the window starts. Created with the first one."""
        return self.data / "runs"

    @property
    def trained_folder(self) -> Path:
        """Models that were trained here. Created with the first one."""
        return self.data / "models"

    @property
    def downloads_folder(self) -> Path:
        """Models that were downloaded here. Created with the first one."""
        return self.data / "downloads"

    @property
    def masks_folder(self) -> Path:
        """Masks that were painted. Created with the first one."""
        return self.data / "masks"

    @property
    def weights_folder(self) -> Path:
        """Where a user may put weights that Graft cannot ship, such as VGG16. Never created by Graft."""
        return self.data / "weights"

    @property
    def models_cache(self) -> Path:
        return self.cache / "models"

    @property
    def exit_colours_folder(self) -> Path:
        return self.cache / "exit-colours"

    @property
    def log_folder(self) -> Path:
        return self.cache / "log"

    def make(self) -> Places:
        """Create every folder, readable by the user alone, clear away what killed writers left, and return self.

        Raises:
            StorageError: one could not be created.
        """
        for folder in (self.config, self.latents_folder, self.autosave_folder, self.models_cache, self.log_folder):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(f"create its folder {folder}", error) from error
            remove_leftovers(folder)
        return self


def user_places(environ: Mapping[str, str] = os.environ) -> Places:
    """The folders of this user on this system, or those under ``GRAFT_HOME``."""
    if home := environ.get(HOME_VARIABLE):
        root = Path(home).expanduser().absolute()
        return Places(root / "config", root / "data", root / "cache")
    dirs = platformdirs.PlatformDirs(APP_NAME, appauthor=False)
    return Places(dirs.user_config_path, dirs.user_data_path, dirs.user_cache_path)


def resources_folder() -> Path:
    """The folder that ships with Graft."""
    return Path(__file__).resolve().parent.parent / "resources"


def embedded_models_folder() -> Path:
    return resources_folder() / "models"
