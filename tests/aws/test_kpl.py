from __future__ import annotations

from hashlib import md5

from hypothesis import given
from hypothesis import strategies as st

from notifyd.aws.kpl import MAGIC, HashRange, UserRecord, take_apart
from tests.aws.kpl_encoder import Put, aggregate, sealed

EVERY_KEY = HashRange(0, 2**128 - 1)

PUTS = st.lists(
    st.builds(
        Put,
        st.text(min_size=1, max_size=20),
        st.binary(max_size=300),
        st.none() | st.integers(0, 2**128 - 1).map(str),
    ),
    max_size=12,
)


def hash_of(partition_key: str) -> int:
    return int(md5(partition_key.encode(), usedforsecurity=False).hexdigest(), 16)


def hash_key(put: Put) -> int:
    return hash_of(put.partition_key) if put.explicit_hash_key is None else int(put.explicit_hash_key)


def test_a_fixed_aggregate_is_taken_apart() -> None:
    data = bytes.fromhex(
        "f3899ac2"
        "0a0161"  # partition key "a"
        "0a0162"  # partition key "b"
        "120137"  # explicit hash key "7"
        "1a0708001a036f6e65"  # "one" under "a"
        "1a09080110001a0374776f"  # "two" under "b", explicit hash key 7
        "24c63fc0e4c3abee5fbeb804f0ddc909"
    )

    taken = take_apart(data, EVERY_KEY)

    assert taken is not None
    assert taken.records == [UserRecord(0, "a", b"one"), UserRecord(1, "b", b"two")]
    assert taken.strays == 0


@given(PUTS)
def test_what_was_put_comes_out_in_order(puts: list[Put]) -> None:
    taken = take_apart(aggregate(puts), EVERY_KEY)

    assert taken is not None
    assert taken.records == [UserRecord(at, put.partition_key, put.data) for at, put in enumerate(puts)]


@given(PUTS, st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_only_records_whose_hash_key_lies_in_the_shard_stay_and_keep_their_place(
    puts: list[Put], one_end: int, other_end: int
) -> None:
    shard = HashRange(min(one_end, other_end), max(one_end, other_end))

    taken = take_apart(aggregate(puts), shard)

    inside = [
        UserRecord(at, put.partition_key, put.data)
        for at, put in enumerate(puts)
        if shard.first <= hash_key(put) <= shard.last
    ]
    assert taken is not None
    assert taken.records == inside
    assert taken.strays == len(puts) - len(inside)


def test_both_ends_of_a_hash_range_belong_to_the_shard() -> None:
    data = aggregate([Put("a", b"", "10"), Put("a", b"", "20"), Put("a", b"", "9"), Put("a", b"", "21")])

    taken = take_apart(data, HashRange(10, 20))

    assert taken is not None
    assert [record.sub_sequence for record in taken.records] == [0, 1]


def test_an_explicit_hash_key_wins_over_the_partition_key() -> None:
    only_the_partition_key = HashRange(hash_of("a"), hash_of("a"))

    taken = take_apart(aggregate([Put("a", b"plain"), Put("a", b"moved", "0")]), only_the_partition_key)

    assert taken is not None
    assert [record.data for record in taken.records] == [b"plain"]


def test_without_a_known_hash_range_nothing_is_left_out() -> None:
    taken = take_apart(aggregate([Put("a", b"1", "0"), Put("b", b"2", str(2**128 - 1))]), None)

    assert taken is not None
    assert len(taken.records) == 2


@given(st.binary(max_size=200))
def test_other_payloads_are_ordinary_records(data: bytes) -> None:
    assert take_apart(data, EVERY_KEY) is None
    assert take_apart(MAGIC + data, EVERY_KEY) is None


@given(PUTS, st.data())
def test_a_changed_byte_makes_it_an_ordinary_record(puts: list[Put], data: st.DataObject) -> None:
    changed = bytearray(aggregate(puts))
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))

    assert take_apart(bytes(changed), EVERY_KEY) is None


@given(st.binary(max_size=200))
def test_a_right_digest_over_garbage_never_raises(message: bytes) -> None:
    take_apart(sealed(message), EVERY_KEY)


@given(PUTS.filter(bool), st.data())
def test_a_right_digest_over_a_cut_message_gives_no_half_record(puts: list[Put], data: st.DataObject) -> None:
    message = aggregate(puts)[4:-16]
    cut = message[: data.draw(st.integers(0, len(message) - 1))]

    taken = take_apart(sealed(cut), EVERY_KEY)

    whole = [UserRecord(at, put.partition_key, put.data) for at, put in enumerate(puts)]
    assert taken is None or taken.records == whole[: len(taken.records)]


def test_an_index_outside_its_table_makes_it_an_ordinary_record() -> None:
    assert take_apart(sealed(bytes.fromhex("0a01611a0508071a0178")), EVERY_KEY) is None


def test_a_user_record_without_partition_key_makes_it_an_ordinary_record() -> None:
    assert take_apart(sealed(bytes.fromhex("0a01611a031a0178")), EVERY_KEY) is None


def test_a_number_that_never_ends_makes_it_an_ordinary_record() -> None:
    assert take_apart(sealed(bytes.fromhex("28" + "ff" * 10 + "01")), EVERY_KEY) is None


def test_fields_of_a_later_format_are_passed_over() -> None:
    later = bytes.fromhex("0a016128013100000000000000003d000000001a0508001a0178")

    taken = take_apart(sealed(later), EVERY_KEY)

    assert taken is not None
    assert taken.records == [UserRecord(0, "a", b"x")]
