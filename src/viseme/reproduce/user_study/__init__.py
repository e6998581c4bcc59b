"""User studies of talking faces, as the papers ran them: pages for raters, and statistics of their answers."""

from viseme.reproduce.user_study.analyse import study_analyse
from viseme.reproduce.user_study.make import study_make

__all__ = ["study_analyse", "study_make"]
