"""What a form shows about a network before anything is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lensapp.core.config import Spec
from lensapp.core.train.tasks import Head

ONE_SCORE = Head()


@dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """What a form shows about a network before anything is built.

    Attributes
    ----------
    name, title, family, document, description
        The key in `NETWORKS`, the name to show, the family, the source and one sentence.
    spec
        The class of its options.
    input_shape, head
        Height, width and number of bands, and the last layer, in its document.
    published_options
        Options of the form in its document, where they are not the ones that serve best.
    caution
        Why these options are not the ones that serve best, in one sentence.
    """

    name: str
    title: str
    family: str
    document: str
    description: str
    spec: type[Spec]
    input_shape: tuple[int, int, int]
    head: Head = ONE_SCORE
    published_options: Mapping[str, Any] = field(default_factory=dict)
    caution: str = ""
