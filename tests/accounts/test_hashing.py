"""Hashing and checking passwords: the whole password, every known form, and the same work for everybody."""

import base64
import hashlib
import hmac
import itertools
import random

import argon2
import bcrypt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapae.accounts import stored_hashes
from mapae.accounts.hashing import Hashing, Verdict, check, recognise
from mapae.accounts.stored_hashes import NotAHash, read_hash
from mapae.accounts.work_plan import MOST_WORK, CheckDecoy, CheckStored, Ratios, plan, work_of
from mapae.errors import InputRefused, PasswordRefused

BCRYPT = Hashing(bcrypt_cost=6)
ARGON2 = Hashing(kind="argon2id", argon2_memory_kib=256, argon2_time=2)
PASSWORD = "correct horse battery staple"
SALT = "saltysaltysalty"


def b64(octets):
    return base64.b64encode(octets).decode()


def phc64(octets):
    return b64(octets).rstrip("=")


def django_pbkdf2(hash_name, iterations=50):
    digest = hashlib.pbkdf2_hmac(hash_name, PASSWORD.encode(), SALT.encode(), iterations)
    return f"pbkdf2_{hash_name}${iterations}${SALT}${b64(digest)}"


def django_scrypt(n=16, r=8, p=1):
    digest = hashlib.scrypt(PASSWORD.encode(), salt=SALT.encode(), n=n, r=r, p=p, dklen=64)
    return f"scrypt${n}${SALT}${r}${p}${b64(digest)}"


def phc_scrypt(ln=4):
    digest = hashlib.scrypt(PASSWORD.encode(), salt=SALT.encode(), n=2**ln, r=8, p=1, dklen=32)
    return f"$scrypt$ln={ln},r=8,p=1${phc64(SALT.encode())}${phc64(digest)}"


def phc_argon2(kind):
    return argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=2, type=kind).hash(PASSWORD)


def raw_bcrypt(prefix="2b", cost=4, password=PASSWORD):
    return f"${prefix}" + bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()[3:]


IMPORTED = {
    "bcrypt $2a$": (raw_bcrypt("2a"), "bcrypt"),
    "bcrypt $2b$": (raw_bcrypt("2b"), "bcrypt"),
    "bcrypt $2y$": (raw_bcrypt("2y"), "bcrypt"),
    "Argon2i": (phc_argon2(argon2.Type.I), "argon2i"),
    "Argon2d": (phc_argon2(argon2.Type.D), "argon2d"),
    "Argon2id": (phc_argon2(argon2.Type.ID), "argon2id"),
    "scrypt PHC": (phc_scrypt(), "scrypt"),
    "Django PBKDF2-SHA256": (django_pbkdf2("sha256"), "pbkdf2-sha256"),
    "Django PBKDF2-SHA1": (django_pbkdf2("sha1"), "pbkdf2-sha1"),
    "Django scrypt": (django_scrypt(), "scrypt"),
    "Django Argon2": ("argon2" + phc_argon2(argon2.Type.ID), "argon2id"),
    "Django bcrypt": ("bcrypt$" + raw_bcrypt(), "bcrypt"),
    "Django bcrypt_sha256": (
        "bcrypt_sha256$" + raw_bcrypt(password=hashlib.sha256(PASSWORD.encode()).hexdigest()),
        "bcrypt",
    ),
}


@pytest.fixture
def spent(monkeypatch):
    """Count what is really computed: each entry is one hash computation with its cost."""
    spending = []

    def counted(module, name, describe):
        compute = getattr(module, name)

        def computed(*args, **kwargs):
            spending.append(describe(*args, **kwargs))
            return compute(*args, **kwargs)

        monkeypatch.setattr(module, name, computed)

    def cost_of(_password, salt):
        return ("bcrypt", 1 << int(salt[4:6]))

    counted(bcrypt, "hashpw", cost_of)
    counted(bcrypt, "checkpw", cost_of)
    counted(stored_hashes, "verify_secret", lambda encoded, *_: ("argon2", encoded.split(b"$")[3]))
    counted(stored_hashes, "pbkdf2_hmac", lambda *arguments: ("pbkdf2", arguments[3]))
    counted(stored_hashes, "scrypt", lambda *_, n, **__: ("scrypt", n))
    return spending


def rounds(spending):
    assert {kind for kind, _ in spending} == {"bcrypt"}
    return sum(cost for _, cost in spending)


# -- the whole password


@pytest.mark.slow
@pytest.mark.parametrize("hashing", [BCRYPT, ARGON2], ids=["bcrypt", "argon2id"])
@pytest.mark.parametrize(
    "password",
    ["x" * 72 + "end", "x" * 1023 + "!", "before\0after", "\0", "", "비밀번호는 아주 길어도 돼요 " * 20, "🦊" * 100],
)
def test_p5_every_byte_of_a_password_counts(hashing, password):
    stored = hashing.hash(password)
    assert check(password, stored, hashing) == Verdict(matches=True)
    for other in (password + "x", password[:-1] + "?", password.replace("\0", "") + "\0\0", password.swapcase() + "S"):
        assert check(other, stored, hashing) == Verdict(matches=False)


def test_p5_case_and_spaces_at_the_ends_count():
    stored = BCRYPT.hash(" Correct Horse ")
    for other in ("Correct Horse", " correct horse ", " Correct Horse  "):
        assert not BCRYPT.verify(other, stored)


@pytest.mark.parametrize("hashing", [BCRYPT, ARGON2], ids=["bcrypt", "argon2id"])
def test_p5_one_password_typed_on_two_keyboards_is_one_password(hashing):
    stored = hashing.hash("한글 caf\u00e9")
    assert hashing.verify("\u1112\u1161\u11ab\u1100\u1173\u11af\u3000cafe\u0301", stored)


def test_our_bcrypt_is_the_published_form_that_other_libraries_read():
    _, scheme, parameters, salt, digest = BCRYPT.hash(PASSWORD).split("$")
    assert (scheme, parameters) == ("bcrypt-sha256", "v=2,t=2b,r=6")
    inner = base64.b64encode(hmac.digest(salt.encode(), PASSWORD.encode(), "sha256"))
    assert bcrypt.checkpw(inner, f"$2b$06${salt}{digest}".encode())


def test_two_hashes_of_one_password_differ():
    assert BCRYPT.hash(PASSWORD) != BCRYPT.hash(PASSWORD)
    assert ARGON2.hash(PASSWORD) != ARGON2.hash(PASSWORD)


@pytest.mark.parametrize("password", ["x" * 1025, "\ud800", "🦊" * 1024 + "x"])
def test_what_is_too_long_or_no_text_is_never_hashed(password, spent):
    with pytest.raises(PasswordRefused):
        BCRYPT.hash(password)
    assert check(password, raw_bcrypt(), BCRYPT) == Verdict(matches=False)
    assert check(password, None, BCRYPT) == Verdict(matches=False)
    assert spent == [("bcrypt", 16)]  # raw_bcrypt made its own


# -- hashes from elsewhere


@pytest.mark.slow
@pytest.mark.parametrize(("stored", "scheme"), IMPORTED.values(), ids=IMPORTED)
@pytest.mark.parametrize("hashing", [BCRYPT, ARGON2], ids=["now bcrypt", "now argon2id"])
def test_an_imported_hash_is_checked_and_then_upgraded(stored, scheme, hashing):
    assert recognise(stored) == scheme
    assert check(PASSWORD, stored, hashing) == Verdict(matches=True, needs_rehash=True)
    assert check(PASSWORD + "!", stored, hashing) == Verdict(matches=False)
    assert check("", stored, hashing) == Verdict(matches=False)
    upgraded = hashing.hash(PASSWORD)
    assert check(PASSWORD, upgraded, hashing) == Verdict(matches=True, needs_rehash=False)


def test_spare_bits_that_other_libraries_leave_in_bcrypt_are_ignored():
    salt, digest = "abcdefghijklmnopqrstu.", "Vo9JMbU5lBn6ypIhaQQkKUFEoEy3XKC"
    stored = bcrypt.hashpw(b"pw", b"$2b$04$" + salt.encode()).decode()
    assert stored.endswith(digest)
    for spare in ("/", "A", "M"):
        assert BCRYPT.verify("pw", f"$2y$04${salt[:-1]}{spare}{digest}")


@pytest.mark.parametrize("truncates", [False, True])
def test_an_imported_bcrypt_decides_about_long_passwords_by_setting_and_at_full_cost(truncates, spent):
    long = "a" * 80
    stored = raw_bcrypt(password=long)
    hashing = Hashing(bcrypt_cost=6, imported_bcrypt_truncates=truncates)
    spent.clear()
    assert check(long, stored, hashing) == Verdict(matches=truncates, needs_rehash=truncates)
    assert rounds(spent) == 2**6
    spent.clear()
    assert check("b" * 80, stored, hashing) == Verdict(matches=False)
    assert rounds(spent) == 2**6
    assert check("a" * 72, stored, hashing) == Verdict(matches=True, needs_rehash=True)
    upgraded = hashing.hash(long)
    assert not hashing.verify("a" * 72, upgraded)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stored", "code"),
    [
        ("", "hash_unknown"),
        ("plain text password", "hash_unknown"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "hash_unknown"),
        ("!l5UljK2GipY2BOGy81nvpCIC4vvweLsCHSa2oES0", "hash_unknown"),
        ("$2x$04$" + "a" * 53, "hash_unknown"),
        ("$2b$03$" + "a" * 53, "hash_unknown"),
        ("$2b$04$" + "a" * 52, "hash_unknown"),
        ("$2b$04$" + "a" * 53 + "\n", "hash_unknown"),
        ("$argon2id$v=19$m=7,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, "hash_unknown"),
        ("$argon2id$v=19$m=64,t=1,p=1$" + "A" * 22 + "$" + "A" * 10, "hash_unknown"),
        ("$argon2id$v=19$m=64,t=1,p=1$" + "A" * 21 + "B$" + "A" * 43, "hash_unknown"),
        ("$scrypt$ln=0,r=8,p=1$c2FsdA$" + "A" * 43, "hash_unknown"),
        ("$scrypt$ln=20,r=1,p=1$c2FsdA$" + "A" * 43, "hash_unknown"),
        ("$scrypt$ln=4,r=1073741824,p=1$c2FsdA$" + "A" * 43, "hash_unknown"),
        (f"pbkdf2_sha256$10${SALT}$A", "hash_unknown"),
        (f"scrypt$17${SALT}$8$1$" + "A" * 44, "hash_unknown"),
        (f"pbkdf2_sha256$0${SALT}$" + "A" * 43 + "=", "hash_unknown"),
        (f"pbkdf2_sha256$10${SALT}$====", "hash_unknown"),
        ("x" * 5_000, "hash_unknown"),
        ("$2b$17$" + "a" * 53, "hash_too_costly"),
        ("$2b$31$" + "a" * 53, "hash_too_costly"),
        ("$bcrypt-sha256$v=2,t=2b,r=31$" + "." * 22 + "$" + "a" * 31, "hash_too_costly"),
        ("$argon2id$v=19$m=4194304,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, "hash_too_costly"),
        ("$argon2id$v=19$m=65536,t=4000000000,p=1$" + "A" * 22 + "$" + "A" * 43, "hash_too_costly"),
        ("$scrypt$ln=30,r=8,p=1$c2FsdA$" + "A" * 43, "hash_too_costly"),
        ("$scrypt$ln=10,r=8,p=100000$c2FsdA$" + "A" * 43, "hash_too_costly"),
        (f"scrypt$1073741824${SALT}$8$1$" + "A" * 44, "hash_too_costly"),
        (f"pbkdf2_sha256$4000000000${SALT}$" + "A" * 43 + "=", "hash_too_costly"),
    ],
)
def test_an_unknown_or_hostile_hash_is_refused_without_trying_it(stored, code, spent):
    with pytest.raises(InputRefused) as refusal:
        recognise(stored)
    (mistake,) = refusal.value.mistakes
    assert (mistake.pointer, mistake.code) == ("/password_hash", code)
    assert spent == []
    # Should one be stored nevertheless, signing in costs what it always costs and matches nothing.
    assert check(PASSWORD, stored, BCRYPT) == Verdict(matches=False)
    assert rounds(spent) == 2**6


def test_what_common_systems_store_today_can_be_imported():
    assert recognise(BCRYPT.hash(PASSWORD)) == "bcrypt-sha256"
    for stored in (
        "$2b$15$" + "a" * 53,
        "$argon2id$v=19$m=65536,t=3,p=4$" + "A" * 22 + "$" + "A" * 43,
        "$argon2id$v=19$m=262144,t=3,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=17,r=8,p=1$c2FsdA$" + "A" * 43,
        f"pbkdf2_sha256$1500000${SALT}$" + "A" * 43 + "=",
    ):
        recognise(stored)


VALID = [stored for stored, _ in IMPORTED.values()] + [BCRYPT.hash(PASSWORD), ARGON2.hash(PASSWORD)]


@pytest.mark.slow
def test_a_damaged_hash_matches_nothing_and_breaks_nothing():
    generator = random.Random(7)
    seen = 0
    for stored in VALID:
        for _ in range(60):
            at = generator.randrange(len(stored))
            damaged = stored[:at] + generator.choice("$,=/.A9z\0é") + stored[at + 1 :]
            try:
                found = read_hash(damaged)
            except NotAHash:
                continue
            if work_of(found, Ratios()) <= 2**8:
                seen += 1
                assert isinstance(found.matches(PASSWORD), bool)
    assert seen > 100


@pytest.mark.slow
@settings(max_examples=3 * settings().max_examples)
@given(st.text(max_size=120))
@example("$2b$04$" + "é" * 53)
@example("pbkdf2_sha256$٣$salt$AAAA")
def test_any_text_is_a_hash_or_not_a_hash(text):
    try:
        read_hash(text)
    except NotAHash:
        return
    recognise(text)


# -- the same work for everybody


SIGN_INS = {
    "unknown account": None,
    "no password": None,
    "Django's mark for no password": "!l5UljK2GipY2BOGy81nvpCIC4vvweLsCHSa2oES0",
    "the present kind": BCRYPT.hash(PASSWORD),
    "our own at cost 4": Hashing(bcrypt_cost=4).hash(PASSWORD),
    "our own at cost 5": Hashing(bcrypt_cost=5).hash(PASSWORD),
    "imported bcrypt at cost 4": raw_bcrypt(),
    "imported bcrypt at the present cost": raw_bcrypt(cost=6),
}


@pytest.mark.slow
@pytest.mark.parametrize("stored", SIGN_INS.values(), ids=SIGN_INS)
@pytest.mark.parametrize("password", [PASSWORD, "wrong", "", "x" * 1000], ids=["right", "wrong", "empty", "long"])
def test_p8_every_sign_in_spends_the_same_rounds_of_bcrypt(stored, password, spent):
    check(password, stored, BCRYPT)
    assert rounds(spent) == 2**BCRYPT.bcrypt_cost


def test_p8_a_raised_cost_does_not_tell_old_accounts_from_new_ones(spent):
    """The case of CVE-2016-2513: the work factor goes up, and old hashes are quicker to check."""
    old = Hashing(bcrypt_cost=4).hash(PASSWORD)
    for cost in (5, 6, 7):
        raised = Hashing(bcrypt_cost=cost)
        spent.clear()
        check("wrong", old, raised)
        for_old = rounds(spent)
        spent.clear()
        check("wrong", None, raised)
        assert for_old == rounds(spent) == 2**cost


@pytest.mark.parametrize("stored", [None, "!", "", "!unusable"])
def test_p8_an_account_without_a_usable_password_costs_a_whole_check(stored, spent):
    """The case of CVE-2024-39329: no usable password, no work."""
    assert check(PASSWORD, stored, ARGON2) == Verdict(matches=False)
    assert spent == [("argon2", b"m=256,t=2,p=1")]


def test_p8_there_is_one_way_to_check_and_it_always_spends(spent):
    """The case of CVE-2025-13473: one sign-in path looked the account up and forgot to spend."""
    assert check("wrong", None, BCRYPT).matches is False
    assert rounds(spent) == 2**6
    spent.clear()
    assert BCRYPT.verify("wrong", None) is False
    assert rounds(spent) == 2**6


@pytest.mark.parametrize(("stored", "_scheme"), IMPORTED.values(), ids=IMPORTED)
def test_p8_the_plan_for_every_imported_kind_adds_up_to_the_target(stored, _scheme):
    target = 2**12
    todo = plan(read_hash(stored), present_work=target, ratios=Ratios())
    assert isinstance(todo, CheckStored)
    total = work_of(todo.stored, Ratios()) + sum(1 << cost for cost in todo.fillers)
    assert 0 <= target - total < 16


@given(st.integers(4, 16), st.integers(4, 16))
def test_p8_the_plan_for_an_older_bcrypt_is_exact(older, present):
    found = read_hash(f"$2b${older:02}$" + "a" * 53)
    todo = plan(found, present_work=2**present, ratios=Ratios())
    total = 2**older + sum(2**cost for cost in todo.fillers)
    assert total == max(2**older, 2**present)


def test_p8_a_wrong_password_and_an_unknown_account_call_the_same_computations(spent):
    for hashing in (BCRYPT, ARGON2):
        stored = hashing.hash(PASSWORD)
        spent.clear()
        check("wrong", stored, hashing)
        wrong = list(spent)
        spent.clear()
        check("wrong", None, hashing)
        assert spent == wrong


def test_nothing_matches_the_decoy():
    for hashing in (BCRYPT, ARGON2):
        assert not hashing.decoy.matches("")
        assert not hashing.decoy.matches(PASSWORD)
        assert plan(None, present_work=64, ratios=Ratios()) == CheckDecoy()
        assert hashing.is_present(hashing.decoy)


# -- when to hash anew


@pytest.mark.parametrize(
    ("now", "stored", "anew"),
    [
        (BCRYPT, BCRYPT.hash("x"), False),
        (BCRYPT, Hashing(bcrypt_cost=5).hash("x"), True),
        (BCRYPT, Hashing(bcrypt_cost=7).hash("x"), True),
        (BCRYPT, raw_bcrypt(cost=6), True),
        (BCRYPT, ARGON2.hash("x"), True),
        (ARGON2, BCRYPT.hash("x"), True),
        (ARGON2, ARGON2.hash("x"), False),
        (ARGON2, Hashing(kind="argon2id", argon2_memory_kib=128, argon2_time=2).hash("x"), True),
        (ARGON2, Hashing(kind="argon2id", argon2_memory_kib=256, argon2_time=1).hash("x"), True),
        (ARGON2, IMPORTED["Argon2i"][0], True),
        (ARGON2, "not a hash", True),
    ],
    ids=[
        "bcrypt", "cheaper bcrypt", "dearer bcrypt", "raw bcrypt", "argon2 to bcrypt", "bcrypt to argon2", "argon2id",
        "less memory", "less time", "argon2i", "not a hash",
    ],
)  # fmt: skip
def test_a_hash_of_another_scheme_or_cost_is_replaced(now, stored, anew):
    assert now.needs_rehash(stored) is anew


@pytest.mark.slow
def test_a_wrong_password_never_asks_for_a_new_hash():
    for stored, hashing in itertools.product(VALID, (BCRYPT, ARGON2)):
        assert not check("wrong", stored, hashing).needs_rehash


@pytest.mark.parametrize(
    "parameters",
    [
        {"bcrypt_cost": 3},
        {"bcrypt_cost": 17},
        {"argon2_time": 0},
        {"argon2_parallelism": 0},
        {"argon2_memory_kib": 15, "argon2_parallelism": 2},
    ],
    ids=str,
)
def test_parameters_that_cannot_be_are_a_mistake(parameters):
    with pytest.raises(ValueError, match=r"bcrypt_cost|Argon2id"):
        Hashing(**parameters)


def test_the_dearest_own_hash_is_within_the_limit_for_imports():
    assert work_of(Hashing(bcrypt_cost=16).decoy, Ratios()) == MOST_WORK
