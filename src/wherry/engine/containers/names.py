"""Names for containers that were given none: `adjective_noun`, from word lists of our own.

The nouns are boats and what belongs to them, as befits a wherry. Docker's clients expect two words
of lower-case letters joined by an underscore, with a digit behind when chance repeats itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

_ADJECTIVES = (
    "able agile alert amber ample apt astute azure balmy beaming bold brave breezy bright brisk "
    "calm candid careful cheery chipper civil clear clever coastal cosy crisp curious daring deft "
    "dewy diligent dapper eager early earnest easy elated fair fast fearless fine fleet fond "
    "free fresh gallant gentle glad gleaming golden graceful grand hale handy happy hardy hearty "
    "honest hopeful humble ideal jaunty jolly jovial keen kind lively loyal lucid lucky mellow "
    "merry mild mindful modest neat nimble noble northern patient peaceful placid plucky polite "
    "prompt proud quick quiet rapid ready robust rosy sage seaworthy sedate serene sharp silent "
    "silver sincere sleek smart snug sober solid southern spry steady stout sturdy subtle sunny "
    "sure swift tactful tender thrifty tidal tidy tranquil trim trusty upbeat upright valiant "
    "vivid warm western wise witty worthy zesty"
)

_NOUNS = (
    "anchor ballast barge barque beacon berth boom bosun bow breeze brig bulkhead buoy cabin canoe "
    "capstan caravel catamaran clipper coble coracle current curragh cutter davit deck dhow dinghy "
    "dock dory drifter estuary fathom felucca fender ferry flotilla foremast frigate galleon "
    "gig gondola gunwale halyard harbour hatch helm hoy hull jetty jib junk kayak keel ketch "
    "knot landfall lanyard launch lighter lighthouse longboat lugger mainsail mariner marina mast "
    "mizzen mooring narrowboat oar outrigger packet painter pier pilot pinnace pontoon port "
    "proa prow punt quay raft rigging rowlock rudder sail sampan schooner scow scull seaway "
    "shallop skiff skipper sloop spar spinnaker spritsail starboard staysail stern strait "
    "tender tide tiller topsail trawler trimaran tug voyage wake wharf wherry windlass xebec yacht "
    "yawl"
)

ADJECTIVES: Final = tuple(_ADJECTIVES.split())
NOUNS: Final = tuple(_NOUNS.split())
ATTEMPTS: Final = 6


def generate(is_taken: Callable[[str], bool], fallback: str) -> str:
    """A name that is not taken; `fallback` if chance finds none."""
    for attempt in range(ATTEMPTS):
        name = f"{random.choice(ADJECTIVES)}_{random.choice(NOUNS)}"
        if attempt:
            name += str(random.randrange(10))
        if not is_taken(name):
            return name
    return fallback
