"""The queue towards an engine: whoever puts never waits, whoever takes always gets to the end."""

from __future__ import annotations

import threading

from desktop.engine.outbox import Outbox


def drain(box):
    taken = []
    while (body := box.take()) is not None:
        taken.append(body)
    return taken


def test_messages_come_out_in_order_and_then_the_end():
    box = Outbox(4)
    assert all(box.put(body) for body in (b"a", b"b", b"c"))
    assert box.close()
    assert drain(box) == [b"a", b"b", b"c"]
    assert box.take() is None


def test_a_full_box_refuses_and_takes_again_when_there_is_room():
    box = Outbox(1)
    assert box.put(b"a")
    assert not box.put(b"b")
    assert box.take() == b"a"
    assert box.put(b"c")


def test_a_full_box_can_be_closed_and_says_that_it_was_full():
    box = Outbox(1)
    box.put(b"a")
    assert not box.close()
    assert drain(box) == [b"a"]


def test_a_closed_box_drops_what_is_put():
    box = Outbox(2)
    box.close()
    assert box.put(b"a")
    assert drain(box) == []


def test_closing_wakes_whoever_waits():
    box = Outbox(1)
    taken = []
    thread = threading.Thread(target=lambda: taken.append(box.take()))
    thread.start()
    box.close()
    thread.join(5)
    assert taken == [None]


def test_many_putting_at_once_lose_nothing():
    box = Outbox(10_000)
    putters = [threading.Thread(target=lambda n=n: [box.put(b"%d %d" % (n, i)) for i in range(500)]) for n in range(4)]
    taken = []
    taker = threading.Thread(target=lambda: taken.extend(drain(box)))
    taker.start()
    for putter in putters:
        putter.start()
    for putter in putters:
        putter.join()
    box.close()
    taker.join(10)
    for n in range(4):
        assert [body for body in taken if body.startswith(b"%d " % n)] == [b"%d %d" % (n, i) for i in range(500)]
