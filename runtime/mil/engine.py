"""A prediction engine for coremltools off the Mac: `MLModel.predict` by this package's evaluator.

coremltools loads a model for prediction by one class, `coremltools.models.model._MLModelProxy`, the binding
of Apple's framework. Off the Mac that name is None, and everything that predicts refuses: activation
calibration (`coremltools.optimize.coreml.linear_quantize_activations`), `MLModelInspector`,
`MLModelComparator` and others. `install` puts a class with the same methods there; beside it only
`MLModel.make_state` is replaced, which asks for macOS first.

>>> with install():                                                                # doctest: +SKIP
...     model = coremltools.models.MLModel("photo_to_ldi.mlpackage")
...     model.predict({"photo": photo})
"""

import platform
import warnings
from types import TracebackType
from typing import Any

import numpy as np

from ...reference.errors import InputError, LdikitError, MissingExtraError
from .features import Feature
from .model import _NEWEST_VERSION, MilModel, load


class SimulatedPredictionWarning(UserWarning):
    """What coremltools predicts from now on is simulated, not Core ML's."""


class SimulatedProxy:
    """Stands in for coremltools' binding of Apple's framework; made by `coremltools.models.MLModel`.

    Args:
        path: the .mlpackage.
        compute_units: ignored: there is one evaluator.
        function: the function to evaluate; "" means the model's default.
        hints: optimisation hints: ignored.
        asset: a compiled model in memory: there is none off the Mac.

    A model that cannot be evaluated is no error until it is asked to predict: coremltools also loads what it
    only wants to look at.
    """

    def __init__(
        self,
        path: str,
        compute_units: str = "ALL",
        function: str = "",
        hints: dict[str, str] | None = None,
        asset: object = None,
    ) -> None:
        self._model: MilModel | None = None
        self._refusal = ""
        try:
            self._model = load(path, function or None)
        except LdikitError as error:
            self._refusal = str(error)

    @property
    def model(self) -> MilModel:
        """The model as the evaluator loaded it.

        Raises:
            RuntimeError: it could not; what Apple's binding raises, too.
        """
        if self._model is None:
            raise RuntimeError(self._refusal)
        return self._model

    @staticmethod
    def maximum_supported_specification_version() -> int:
        """The newest model that is read: that of iOS18."""
        return _NEWEST_VERSION

    def predict(self, data: dict[str, Any], state: Any = None) -> dict[str, Any]:
        """Evaluate the model once.

        Args:
            data: name → array of any number type, or PIL image for an image.
            state: what `newState` gave, changed in place; None for a model without state.

        Returns:
            name → array (float32 for fp16, as on a Mac; a scalar as one element), or PIL image.

        Raises:
            RuntimeError: an input or an operation is refused.
        """
        model = self.model
        features = {feature.name: feature for feature in model.inputs}
        try:
            feeds = {
                name: _feed(features[name], value) if name in features else np.asarray(value)
                for name, value in data.items()
            }
            results = model.predict(feeds, **({} if state is None else {"state": state}))
        except LdikitError as error:
            raise RuntimeError(str(error)) from error
        return {feature.name: _result(feature, results[feature.name]) for feature in model.outputs}

    def batchPredict(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N802
        """Evaluate the model for each of several inputs."""
        return [self.predict(data) for data in batch]

    def newState(self) -> Any:  # noqa: N802
        """A fresh state, all zeros, with `read_state(name)` and `write_state(name, array)`."""
        return self.model.make_state()

    def get_compiled_model_path(self) -> str:
        """Refuse: only Apple's framework compiles models.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("there is no compiled model: predictions are simulated, without Core ML")

    def get_load_duration_in_nano_seconds(self) -> None:
        """None: how long an evaluator takes says nothing of a phone."""

    def get_last_predict_duration_in_nano_seconds(self) -> None:
        """None: how long an evaluator takes says nothing of a phone."""


def _feed(feature: Feature, value: Any) -> np.ndarray:
    """Turn a value of any number type into what the evaluator takes: Core ML itself converts numbers, too."""
    array = np.asarray(value)
    if feature.kind == "image":
        return array.astype(np.float16) if feature.color == "grey fp16" else array
    if array.dtype.kind not in "fiub":
        raise InputError(f"input {feature.name!r} wants numbers, got {array.dtype}")
    if np.dtype(feature.dtype).kind == "f":
        return array.astype(feature.dtype)
    return array.astype(np.int64)


def _result(feature: Feature, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if feature.kind == "image":
        from PIL import Image

        return Image.fromarray(value.astype(np.float32) if value.dtype == np.float16 else value)
    if value.dtype == np.float16:
        value = value.astype(np.float32)
    return value.reshape(1) if value.ndim == 0 else value


def _make_state(model: Any) -> Any:
    """`MLModel.make_state` without its question for macOS 15."""
    from coremltools.models.model import MLState

    if model.__proxy__ is None:
        raise RuntimeError("this model was loaded while no prediction engine was installed; load it again")
    return MLState(model.__proxy__.newState())


_replaced: list[tuple[Any, str, Any]] = []


class Installation:
    """What `install` returns: leaving its `with` block uninstalls."""

    def __enter__(self) -> "Installation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        uninstall()


def install() -> Installation:
    """Let coremltools predict with this package's evaluator, until `uninstall`.

    Models made from now on (`ct.convert`, `ct.models.MLModel`) predict; those made before do not. Inputs
    and outputs are those of a Mac: dicts or lists of dicts, PIL images, states, functions by name. fp16 is
    rounded once after every operation; `compute_units` and optimisation hints are ignored.

    Warns:
        SimulatedPredictionWarning: always.

    Raises:
        MissingExtraError: coremltools is not installed.
        InputError: Core ML itself is here, or this is installed already.
    """
    try:
        import coremltools
        from coremltools.models import model as models
    except ModuleNotFoundError as error:
        raise MissingExtraError("coremltools", "coreml", "predicting with coremltools") from error
    if _replaced:
        raise InputError("ldikit's evaluator is installed in coremltools already; uninstall() takes it out")
    if models._MLModelProxy is not None:
        raise InputError(
            f"Core ML itself predicts on this {platform.system()} machine: there is nothing to simulate"
        )
    for owner, name, new in (
        (models, "_MLModelProxy", SimulatedProxy),
        (models.MLModel, "make_state", _make_state),
    ):
        _replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)
    warnings.warn(
        f"coremltools {coremltools.__version__} now predicts with ldikit's evaluator: results are simulated, "
        "not Core ML's",
        SimulatedPredictionWarning,
        stacklevel=2,
    )
    return Installation()


def uninstall() -> None:
    """Give coremltools back what `install` replaced; models made meanwhile keep predicting.

    Nothing happens where nothing is installed.
    """
    while _replaced:
        owner, name, old = _replaced.pop()
        setattr(owner, name, old)
