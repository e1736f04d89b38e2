"""A condition on columns, written as SQL."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from ..errors import UnknownNameError, UsageError, did_you_mean

__all__ = ["parse_condition"]

Expression = sa.ColumnElement[Any]

# Databases nest expressions no deeper than 1000, SQLAlchemy than some hundreds; SQLite reads no 40 functions within one
# another.
_MOST_WORDS, _MOST_NESTED = 1000, 60

_WORD = re.compile(
    r"""(?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | :(?P<parameter>[A-Za-z_]\w*)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign><=|>=|<>|!=|==|[=<>+\-*/%(),](?!(?<=-)-|(?<=/)\*))""",
    re.VERBOSE,
)
_KEYWORDS = frozenset(
    ["AND", "BETWEEN", "CASE", "EXISTS", "FALSE", "IN", "IS", "LIKE", "NOT", "NULL", "OR", "SELECT", "TRUE"]
)
_COMPARISONS = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

# Functions that have one meaning in both databases, with the kind of their only argument; without, all are of one kind.
_FUNCTIONS = {"abs": "number", "coalesce": "", "length": "text", "lower": "text", "trim": "text", "upper": "text"}

_SHOWN = 40
_SPACE = re.compile(r"\s*")
# Postgres takes no others; and of parameters of a query some 32,000.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_MOST_VALUES = 30_000


def parse_condition(
    text: str, params: Mapping[str, Any], column: Callable[[str], Expression]
) -> sa.ColumnElement[bool]:
    """Return a condition written as SQL, such as ``"fraction_good_se > :x AND band IN ('r', 'i')"``.

    The text is read here, and no part of it reaches a database: so it can only compare columns with values, and means
    the same to SQLite and Postgres. It may have AND, OR, NOT, comparisons, IN, BETWEEN, LIKE, IS NULL, arithmetic and
    some functions. Values and parameters become bound parameters of the query.

    Parameters
    ----------
    text : str
        The condition.
    params : mapping of str to value
        Values of its parameters, written ``:name``; a list of values is for IN.
    column : callable
        Function from the name of a column to the column.

    Raises
    ------
    UnknownNameError
        If a column, function or parameter does not exist.
    UsageError
        If the text is not a condition, or a value is of the wrong type.
    """
    return _Parser(text, params, column).parse()


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    text: str
    start: int


def _words(text: str) -> Iterator[_Word]:
    start = 0
    for _ in range(_MOST_WORDS):
        start = _SPACE.match(text, start).end()  # type: ignore[union-attr]  # it always matches
        found = _WORD.match(text, start)
        if found is None:
            if start < len(text):
                raise UsageError(f"where: unexpected {text[start : start + _SHOWN]!r}")
            yield _Word("end", "", start)
            return
        kind = str(found.lastgroup)
        word = found[kind]
        if kind == "name" and word.upper() in _KEYWORDS:
            kind, word = "keyword", word.upper()
        yield _Word(kind, word, start)
        start = found.end()
    raise UsageError(f"where has more than {_MOST_WORDS} words: expected fewer, or a list as a parameter of IN")


class _Parser:
    """A parser by recursive descent, with a method for each level of precedence."""

    def __init__(self, text: str, params: Mapping[str, Any], column: Callable[[str], Expression]) -> None:
        self._text, self._params, self._column = text, params, column
        self._words = list(_words(text))
        self._next = self._nested = 0
        self._used: set[str] = set()

    def parse(self) -> sa.ColumnElement[bool]:
        """Return the whole text as a condition."""
        found = _condition(self._any())
        if self._words[self._next].kind != "end":
            raise self._expected("an operator or the end")
        for name in self._params:
            if name not in self._used:
                raise UnknownNameError(f"params: where has no parameter :{name}{_hint(name, self._used)}")
        return found

    def _any(self) -> Expression:
        left = self._all()
        if self._words[self._next].text != "OR":
            return left
        terms = [_condition(left)]
        while self._take("OR"):
            terms.append(_condition(self._all()))
        return sa.or_(*terms)

    def _all(self) -> Expression:
        left = self._negated()
        if self._words[self._next].text != "AND":
            return left
        terms = [_condition(left)]
        while self._take("AND"):
            terms.append(_condition(self._negated()))
        return sa.and_(*terms)

    def _negated(self) -> Expression:
        if not self._take("NOT"):
            return self._comparison()
        self._nest()
        return _truth(sa.not_(_condition(self._negated())))

    def _comparison(self) -> Expression:
        left = self._sum()
        if sign := self._take(*_COMPARISONS):
            return _compared(left, _COMPARISONS[sign], self._sum())
        if self._take("IS"):
            negated = self._take("NOT")
            constants = {"NULL": sa.null, "TRUE": sa.true, "FALSE": sa.false}
            name = self._require(*constants)
            constant = constants[name]()
            left = left if name == "NULL" else _typed(left, "boolean")
            return left.is_not(constant) if negated else left.is_(constant)
        negated = self._take("NOT")
        tests = {"IN": self._in, "BETWEEN": self._between, "LIKE": self._like}
        name = self._require(*tests) if negated else self._take(*tests)
        if not name:
            return left
        found = tests[name](left)
        return _truth(sa.not_(found) if negated else found)

    def _in(self, left: Expression) -> Expression:
        word = self._words[self._next]
        if word.kind == "parameter":
            self._next += 1
            given = self._parameter(word.text)
            if isinstance(given, str | bytes) or not isinstance(given, Iterable):
                raise UsageError(f"params: {word.text} is {given!r}: expected a list of values, for IN")
            values = [_value(word.text, each) for each in given]
            if len(values) > _MOST_VALUES:
                raise UsageError(f"params: {word.text} has {len(values):,} values: expected at most {_MOST_VALUES:,}")
        else:
            self._require("(")
            values = [self._sum()]
            while self._take(","):
                values.append(self._sum())
            self._require(")")
        return left.in_([_alike(left, value)[1] for value in values])

    def _between(self, left: Expression) -> Expression:
        first = self._sum()
        self._require("AND")
        return left.between(_alike(left, first)[1], _alike(left, self._sum())[1])

    def _like(self, left: Expression) -> Expression:
        # LIKE itself ignores case in SQLite alone, and a backslash escapes in Postgres alone
        pattern = _typed(self._sum(), "text")
        return _typed(left, "text").ilike(sa.cast(pattern, sa.Text()), escape="\\")

    def _sum(self) -> Expression:
        left = self._product()
        while sign := self._take("+", "-"):
            left = self._arithmetic(left, sign, self._product(), 7)
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while sign := self._take("*", "/", "%"):
            left = self._arithmetic(left, sign, self._signed(), 8)
        return left

    def _arithmetic(self, left: Expression, sign: str, right: Expression, precedence: int) -> Expression:
        self._nest()
        left, right = _typed(left, "number"), _typed(right, "number")
        whole = isinstance(left.type, sa.Integer) and isinstance(right.type, sa.Integer)
        if sign == "%" and not whole:
            raise UsageError("where: expected whole numbers on both sides of %")
        if sign in "/%":
            # SQLite divides by 0 to a null, Postgres fails
            right = sa.func.nullif(right, 0, type_=right.type)
        kind: sa.types.TypeEngine[Any] = sa.BigInteger() if whole else sa.Double()
        # as in SQL, and not as in Python, the quotient of whole numbers is a whole number
        return left.op(sign, precedence=precedence, return_type=kind)(right)

    def _signed(self) -> Expression:
        sign = self._take("+", "-")
        if not sign:
            return self._single()
        self._nest()
        operand = _typed(self._signed(), "number")
        return -operand if sign == "-" else operand

    def _single(self) -> Expression:
        """Return a value, a column, the result of a function, or what is in parentheses."""
        if self._take("("):
            self._nest()
            inside = self._any()
            self._require(")")
            return inside
        word = self._words[self._next]
        if word.text in ("NULL", "TRUE", "FALSE") and word.kind == "keyword":
            self._next += 1
            return sa.null() if word.text == "NULL" else sa.literal(word.text == "TRUE", sa.Boolean)
        if word.kind not in ("text", "quoted", "number", "parameter", "name"):
            raise self._expected("a column or a value")
        self._next += 1
        if word.kind == "parameter":
            return _value(word.text, self._parameter(word.text))
        if word.kind == "text":
            return _value("where", word.text[1:-1].replace("''", "'"))
        if word.kind == "number":
            return _value("where", int(word.text) if word.text.isdecimal() else float(word.text))
        if word.kind == "quoted":
            return self._column(word.text[1:-1].replace('""', '"'))
        # SQL takes a bare name for one in small letters
        return self._function(word.text) if self._take("(") else self._column(word.text.lower())

    def _function(self, name: str) -> Expression:
        self._nest()
        self._nest()  # twice the room of a pair of parentheses
        lower = name.lower()
        if lower not in _FUNCTIONS:
            raise UnknownNameError(f"where: unknown function {name!r}{did_you_mean(lower, list(_FUNCTIONS))}")
        kind = _FUNCTIONS[lower]
        arguments = [_typed(self._sum(), kind)]
        while not kind and self._take(","):
            arguments.append(_alike(arguments[0], self._sum())[1])
        if not kind and len(arguments) < 2:
            raise UsageError(f"where: {lower} has one argument: expected at least two")
        self._require(")")
        function: Callable[..., Expression] = getattr(sa.func, lower)
        return function(*arguments, type_=sa.BigInteger() if lower == "length" else arguments[0].type)

    def _parameter(self, name: str) -> Any:
        if name not in self._params:
            raise UnknownNameError(f"where: parameter :{name} has no value in params{_hint(name, self._params)}")
        self._used.add(name)
        return self._params[name]

    def _take(self, *wanted: str) -> str:
        """Return the next word and go past it if it is one of these, else an empty text."""
        word = self._words[self._next]
        if word.kind not in ("keyword", "sign") or word.text not in wanted:
            return ""
        self._next += 1
        return word.text

    def _require(self, *wanted: str) -> str:
        taken = self._take(*wanted)
        if not taken:
            raise self._expected(" or ".join(wanted))
        return taken

    def _expected(self, what: str) -> UsageError:
        rest = self._text[self._words[self._next].start :]
        return UsageError(f"where: expected {what} at {repr(rest[:_SHOWN]) if rest else 'the end'}")

    def _nest(self) -> None:
        self._nested += 1
        if self._nested > _MOST_NESTED:
            raise UsageError(f"where has more than {_MOST_NESTED} operations and parentheses: expected fewer")


_NAMED = {"text": "text", "boolean": "a boolean", "number": "a number"}


def _kind(operand: Expression) -> str:
    kinds = {"text": sa.String, "boolean": sa.Boolean, "number": sa.Integer | sa.Numeric | sa.Float}
    return next((name for name, each in kinds.items() if isinstance(operand.type, each)), "")


def _typed(operand: Expression, wanted: str) -> Expression:
    if wanted and _kind(operand) not in (wanted, ""):
        raise UsageError(f"where: {_shown(operand)} is {_NAMED[_kind(operand)]}: expected {_NAMED[wanted]}")
    return operand


def _condition(operand: Expression) -> sa.ColumnElement[bool]:
    if _kind(operand) != "boolean":
        raise UsageError(f"where: {_shown(operand)} is no condition: expected one, such as fwhm < 4")
    return operand


def _truth(operand: Expression) -> Expression:
    # SQLAlchemy gives no type to some of its own conditions
    return sa.type_coerce(operand, sa.Boolean).self_group()


def _compared(left: Expression, sign: str, right: Expression) -> Expression:
    if isinstance(left, sa.Null) or isinstance(right, sa.Null):
        raise UsageError(f"where: nothing is {sign} NULL: expected IS NULL or IS NOT NULL")
    left, right = _alike(left, right)
    # SQLAlchemy's own operators have other meanings for constants
    return left.op(sign, precedence=5, is_comparison=True, return_type=sa.Boolean())(right)


def _alike(left: Expression, right: Expression) -> tuple[Expression, Expression]:
    """Return two operands of one type; in SQLite, and so in its users' conditions, 1 and 0 stand for true and false."""
    kinds = (_kind(left), _kind(right))
    if kinds == ("boolean", "number"):
        return left, _as_boolean(right)
    if kinds == ("number", "boolean"):
        return _as_boolean(left), right
    if "" not in kinds and kinds[0] != kinds[1]:
        of_left, of_right = (_NAMED[kind] for kind in kinds)
        raise UsageError(f"where: {_shown(left)} is {of_left}, {_shown(right)} is {of_right}: expected one type")
    return left, right


def _as_boolean(operand: Expression) -> Expression:
    if not isinstance(operand, sa.BindParameter) or operand.value not in (0, 1):
        raise UsageError(f"where: {_shown(operand)} is a number: expected TRUE or FALSE")
    return sa.literal(bool(operand.value), sa.Boolean)


def _shown(operand: Expression) -> str:
    if isinstance(operand, sa.BindParameter):
        return repr(operand.value)
    return operand.name if isinstance(operand, sa.ColumnClause) else "an expression"


def _value(name: str, given: Any) -> Expression:
    """Return a value as a bound parameter, of the widest type of its kind."""
    value = given.item() if isinstance(given, np.generic) else given
    if value is None:
        return sa.null()
    if isinstance(value, bool):
        return sa.literal(value, sa.Boolean)
    if isinstance(value, int) and abs(value) < 1 << 63:
        return sa.literal(value, sa.BigInteger)
    if isinstance(value, float) and not math.isnan(value):
        return sa.literal(value, sa.Double)
    if isinstance(value, str) and not _NO_TEXT.search(value):
        return sa.literal(value, sa.String)
    raise UsageError(f"{name} is {given!r}: expected text, a 64-bit integer, a number, True or False")


def _hint(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, sorted(known), otherwise="")
