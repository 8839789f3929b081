"""Whether workers that a fix does not reach look at what other workers write.

Only those who write are handed what is shared: a consumer in a process of its own would
go on to see what was there when it began.
"""

from __future__ import annotations

from collections.abc import Sequence

from flake8_mpglobals.facts import Facts, LostWrite, Site
from flake8_mpglobals.fixes.module import Function, Module
from flake8_mpglobals.fixes.plan import CannotFix
from flake8_mpglobals.fixes.touches import reached


def check_onlookers(facts: Facts, writes: Sequence[LostWrite]) -> None:
    """Raise :class:`CannotFix` where the workers of another dispatch name the place, too."""
    place = writes[0].place
    if not place.isidentifier():
        return
    module = Module(facts.source, facts.tree)
    mentions = [one for one in module.mentions(place) if module.is_global(one)]
    mended = [site for write in writes for site in write.sites]
    writers = {id(one) for site in mended for one in site.workers}
    for site in facts.sites:
        if site.initializer or _reached_by(site, mended):
            continue
        starts = [one for one in site.workers if isinstance(one, Function)]
        for one in reached(module, [start for start in starts if id(start) not in writers]):
            for use in mentions:
                if module.inside(use, one):
                    raise CannotFix(
                        f"worker code {one.name!r} uses {place!r} (line {use.lineno}), too, and "
                        f"{site.dispatch.api} (line {site.dispatch.location.line}) starts it "
                        "apart from those who write: hand it over there as well"
                    )


def _reached_by(site: Site, mended: Sequence[Site]) -> bool:
    """Whether a dispatch is one of ``mended``, or to the same pool as one of them."""
    return any(
        other.call is site.call or (site.pool is not None and other.pool is site.pool)
        for other in mended
    )
