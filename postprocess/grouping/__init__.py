"""From a network's maps to people, in five pure steps: arrays in, arrays out.

`peaks` finds candidates, `pair_scores` asks the affinity fields about pairs of them, `matching`
picks limbs, `assembly` joins limbs to people, `people` drops the doubtful and maps the rest to the
source picture. `group` runs all five.
"""

from postprocess.grouping.group import group, warm_up
from postprocess.grouping.options import GroupingOptions, MatchingMethod
from postprocess.grouping.people import GroupedPeople, to_people

__all__ = [
    "GroupedPeople",
    "GroupingOptions",
    "MatchingMethod",
    "group",
    "to_people",
    "warm_up",
]
