"""What every `Embedder` does: the exported model and the twin of the unit tests alike."""

import math
import warnings

import pytest

from actors.ports import Embedder
from tests.twins.neighbours import TwinEmbedder

with warnings.catch_warnings():  # Ray's own modules are deprecated in their use of pydantic
    warnings.simplefilter("ignore")
    from deployments.embedder import Embedder as RealEmbedder


@pytest.fixture(scope="module")
def exported(request: pytest.FixtureRequest) -> Embedder:
    return RealEmbedder(str(request.getfixturevalue("model_home")))


@pytest.fixture(params=["exported", "twin"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return TwinEmbedder() if request.param == "twin" else request.getfixturevalue("exported")  # type: ignore[no-any-return]


async def test_each_text_has_one_vector_of_length_one(embedder: Embedder) -> None:
    vectors = await embedder.embed(["opening hours", "", "¿Abren los domingos?"])
    assert len(vectors) == 3
    assert len({len(vector) for vector in vectors}) == 1
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 3, abs=1e-5)


async def test_the_same_text_has_the_same_vector(embedder: Embedder) -> None:
    once, again = await embedder.embed(["opening hours"]), await embedder.embed(["opening hours"])
    assert once[0] == pytest.approx(again[0], abs=1e-6)


async def test_no_text_has_no_vector(embedder: Embedder) -> None:
    assert await embedder.embed([]) == []
