"""What is counted has one object for each series."""

from mapae.flows.tally import Tally, series


def test_a_series_is_the_same_object_whatever_the_order_of_its_labels():
    one = series("refreshes", outcome="rotate", client="mapae")
    assert one is series("refreshes", client="mapae", outcome="rotate")
    assert one is not series("refreshes", client="mapae", outcome="hold")
    assert (one.name, one.labels) == ("refreshes", (("client", "mapae"), ("outcome", "rotate")))


def test_counting_by_name_and_by_series_is_the_same():
    tally = Tally()
    tally.count("sign_ups", outcome="ok")
    tally.counts[series("sign_ups", outcome="ok")] += 1
    assert tally.counts == {series("sign_ups", outcome="ok"): 2}
