"""Documents, parsed and validated once per text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationType,
    ValuesOfCorrectTypeRule,
    parse,
    specified_rules,
    validate,
)

from schema.admission.telemetry import Telemetry
from schema.errors import ErrorCode, Limit, Refused, code_of, request_error, too_complex
from schema.execution.document_limits import DocumentLimits, limit_rule
from schema.execution.masking import UNFIT
from schema.execution.operations import Operation, operations_of

CACHED_DOCUMENTS = 256
LONGEST_CACHED = 16_384
"""Characters. Longer ones are read again each time, so that the cache stays below a few MB."""

KEPT_VARIABLES = 4_096
"""Bytes of JSON that a subscription's variables may have: they are kept as long as it runs."""

TOO_MANY_TOKENS = "Syntax Error: Document contains more than {} tokens. Parsing aborted."
TOO_DEEP = "Syntax Error: Document is nested too deeply. Parsing aborted."
"""graphql-core's words; it has no types of its own for them."""


SYNTAX_ERROR = "The document has a syntax error here."
"""In place of graphql-core's words, which quote what stands there."""


class _UnquotedValues(ValuesOfCorrectTypeRule):
    """The only rule whose words quote literals."""

    def report_error(self, error: GraphQLError) -> None:
        super().report_error(GraphQLError(UNFIT, error.nodes))


_UNQUOTED: Mapping[type[ASTValidationRule], type[ASTValidationRule]] = {
    ValuesOfCorrectTypeRule: _UnquotedValues
}


def _accept(_document: DocumentNode) -> None:
    """A schema without rules of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRules:
    """What a document may hold, and how much a client is told about the schema.

    `check` sees a parsed document before it is validated, and raises `Refused`. `quote_values`:
    whether a client reads its document's own literals again in an error.
    """

    limits: DocumentLimits = field(default_factory=DocumentLimits)
    introspection: bool = False
    hide_suggestions: bool = True
    quote_values: bool = True
    check: Callable[[DocumentNode], None] = _accept


class Documents:
    """A bounded cache of valid documents. Invalid ones are refused and forgotten.

    Its rules are made once: a new rule class per request would defeat any cache.
    """

    def __init__(self, schema: GraphQLSchema, rules: DocumentRules, telemetry: Telemetry) -> None:
        self._schema = schema
        self._limits = rules.limits
        self._telemetry = telemetry
        self._check = rules.check
        self.hide_suggestions = rules.hide_suggestions
        self._limit_rules = [limit_rule(rules.limits)]
        self._quote_values = rules.quote_values
        self._rules = specified_rules
        if not rules.quote_values:
            self._rules = tuple(_UNQUOTED.get(rule, rule) for rule in specified_rules)
        if not rules.introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._operations = lru_cache(maxsize=CACHED_DOCUMENTS)(self._read)
        self.cache_info = self._operations.cache_info

    def operation(self, text: str, name: str | None) -> Operation:
        """The operation to run; raises `Refused` (GraphQL specification, section 6.1)."""
        read = self._operations if len(text) <= LONGEST_CACHED else self._read
        operations = read(text)
        if name is None:
            if len(operations) == 1:
                return next(iter(operations.values()))
            message = "The document has several operations: name one of them in `operationName`."
        elif operation := operations.get(name):
            return operation
        else:
            message = "The document has no operation with this `operationName`."
        raise Refused(request_error(ErrorCode.BAD_USER_INPUT, message))

    def check_variables(self, operation: Operation, variables: Mapping[str, Any]) -> None:
        """Raises `Refused` for what would be costly to read or to keep."""
        for name, most in operation.enum_lists.items():
            value = variables.get(name)
            if isinstance(value, list) and len(value) > most:
                raise self._exceeded(too_complex(Limit.LIST_ITEMS, most))
        if operation.type is OperationType.SUBSCRIPTION:
            kept = {name: variables[name] for name in operation.variables if name in variables}
            if len(orjson.dumps(kept)) > KEPT_VARIABLES:
                raise self._exceeded(too_complex(Limit.VARIABLES, KEPT_VARIABLES))

    def _read(self, text: str) -> dict[str | None, Operation]:
        document = self._parse(text)
        self._check(document)
        self._check_limits(document)  # first: the other rules can be made to work hard
        errors = validate(
            self._schema, document, self._rules, hide_suggestions=self.hide_suggestions
        )
        if errors:
            raise Refused(*[_with_code(error) for error in errors])
        operations = operations_of(self._schema, text, document)
        return {operation.name: operation for operation in operations}

    def _parse(self, text: str) -> DocumentNode:
        if len(text) > self._limits.length:  # few tokens can be long, and take long to read
            raise self._exceeded(too_complex(Limit.LENGTH, self._limits.length))
        most = self._limits.tokens
        try:
            return parse(text, max_tokens=most)
        except GraphQLSyntaxError as error:
            if error.message == TOO_MANY_TOKENS.format(most):
                raise self._exceeded(too_complex(Limit.TOKENS, most)) from None
            if error.message == TOO_DEEP:
                raise self._exceeded(too_complex(Limit.DEPTH, self._limits.depth)) from None
            error.extensions = {"code": ErrorCode.GRAPHQL_PARSE_FAILED.value}
            if not self._quote_values:
                error.message = SYNTAX_ERROR
            raise Refused(error) from None

    def _check_limits(self, document: DocumentNode) -> None:
        errors = validate(self._schema, document, self._limit_rules)
        if errors:
            # An error that isn't the rule's own: graphql-core gave up on nested fragments.
            too_deep = too_complex(Limit.DEPTH, self._limits.depth)
            raise self._exceeded(*[error if code_of(error) else too_deep for error in errors])

    def _exceeded(self, *errors: GraphQLError) -> Refused:
        for error in errors:
            self._telemetry.limit_hit((error.extensions or {})["limit"])
        return Refused(*errors)


def _with_code(error: GraphQLError) -> GraphQLError:
    error.extensions = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED.value}
    return error
