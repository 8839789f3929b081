"""The registry of rules, in the order of their codes."""

from __future__ import annotations

from flake8_mpglobals.rules.base import Rule
from flake8_mpglobals.rules.mpg101 import RULE as MPG101
from flake8_mpglobals.rules.mpg102 import RULE as MPG102
from flake8_mpglobals.rules.mpg103 import RULE as MPG103
from flake8_mpglobals.rules.mpg104 import RULE as MPG104
from flake8_mpglobals.rules.mpg105 import RULE as MPG105
from flake8_mpglobals.rules.mpg106 import RULE as MPG106
from flake8_mpglobals.rules.mpg107 import RULE as MPG107
from flake8_mpglobals.rules.mpg108 import RULE as MPG108
from flake8_mpglobals.rules.mpg201 import RULE as MPG201
from flake8_mpglobals.rules.mpg202 import RULE as MPG202
from flake8_mpglobals.rules.mpg203 import RULE as MPG203
from flake8_mpglobals.rules.mpg301 import RULE as MPG301
from flake8_mpglobals.rules.mpg302 import RULE as MPG302
from flake8_mpglobals.rules.mpg303 import RULE as MPG303
from flake8_mpglobals.rules.mpg304 import RULE as MPG304
from flake8_mpglobals.rules.mpg305 import RULE as MPG305
from flake8_mpglobals.rules.mpg306 import RULE as MPG306
from flake8_mpglobals.rules.mpg401 import RULE as MPG401
from flake8_mpglobals.rules.mpg901 import RULE as MPG901
from flake8_mpglobals.rules.mpg902 import RULE as MPG902

RULES: tuple[Rule, ...] = (
    MPG101,
    MPG102,
    MPG103,
    MPG104,
    MPG105,
    MPG106,
    MPG107,
    MPG108,
    MPG201,
    MPG202,
    MPG203,
    MPG301,
    MPG302,
    MPG303,
    MPG304,
    MPG305,
    MPG306,
    MPG401,
    MPG901,
    MPG902,
)
BY_CODE: dict[str, Rule] = {rule.code: rule for rule in RULES}

__all__ = ["BY_CODE", "RULES", "Rule"]
