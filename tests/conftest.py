"""For all tests."""

from hypothesis import settings

# No test is timed: an import or a busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
