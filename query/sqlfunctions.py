"""Functions that a query may call on Postgres."""

import re

import sqlalchemy as sa

__all__ = ["ALLOWED", "refused_functions"]

# Postgres' read-only transaction lets functions kill other sessions, write files, keep locks, or run a text as a query,
# with whatever privileges the role has. So a query may call these, which compute from their arguments or describe the
# database, and no others: extensions bring more than a list of forbidden ones could name.
_NAMES = """
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd
    degrees div exp factorial floor gcd lcm ln log log10 mod pi pow power radians random random_normal round scale
    min_scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket erf erfc

    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every json_agg
    json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc regr_avgx regr_avgy
    regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg
    sum var_pop var_samp variance range_agg range_intersect_agg

    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

    ascii bit_length btrim char_length character_length chr concat concat_ws decode encode format initcap left
    length like notlike lower lpad ltrim md5 normalize is_normalized octet_length overlay parse_ident position
    quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches
    regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim
    sha224 sha256 sha384 sha512 split_part starts_with string_to_array string_to_table strpos substr substring
    to_ascii to_bin to_hex to_oct translate unistr upper convert_from convert_to get_bit get_byte set_bit set_byte
    bit_count

    age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days
    justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps
    statement_timestamp time timeofday timestamp timestamptz timetz timezone transaction_timestamp interval to_char
    to_date to_number to_timestamp

    bool bit varbit char bpchar varchar name text bytea float4 float8 int2 int4 int8 numeric money oid uuid xml json
    jsonb

    array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_sample array_shuffle array_to_string array_upper cardinality
    generate_series generate_subscripts trim_array unnest num_nonnulls num_nulls int4range int8range numrange
    daterange tsrange tstzrange isempty lower_inc lower_inf upper_inc upper_inf range_merge multirange

    array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
    json_each json_each_text json_extract_path json_extract_path_text json_object json_object_keys
    json_populate_record json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object
    jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object
    jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
    jsonb_path_query_first jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax
    jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb

    area bound_box box center circle diagonal diameter height isclosed isopen line lseg npoints path pclose point
    polygon popen radius slope width

    gen_random_uuid hashtext setseed enum_first enum_last enum_range host masklen netmask network family

    col_description current_catalog current_database current_schema current_schemas current_setting current_user
    format_type has_column_privilege has_schema_privilege has_table_privilege inet_server_addr inet_server_port
    obj_description pg_backend_pid pg_column_size pg_database_size pg_get_constraintdef pg_get_expr pg_get_indexdef
    pg_get_userbyid pg_get_viewdef pg_indexes_size pg_relation_size pg_size_bytes pg_size_pretty pg_table_is_visible
    pg_table_size pg_total_relation_size pg_typeof session_user to_regclass version
"""

ALLOWED = frozenset(_NAMES.split())
"""Names of the functions; those that are also types or keywords stand for themselves."""

# Names that a query writes as one word in small letters; those of users may have any others.
_REFUSED = sa.text(
    "SELECT DISTINCT proname, proname ~ '^[a-z_][a-z0-9_$]*$' AS plain FROM pg_catalog.pg_proc "
    "WHERE (proname = ANY(:words) OR proname !~ '^[a-z_][a-z0-9_$]*$') "
    # objects that users or extensions made have numbers from 16384 on
    "AND (NOT proname = ANY(:allowed) OR (oid >= 16384 AND provolatile = 'v'))"
)

# Bytes of a name that Postgres compares.
_NAME_BYTES = 63


def refused_functions(connection: sa.Connection, query: str) -> list[str]:
    """Return the functions in a query that it may not call, judged by name.

    Every word counts, in a string or a comment as well: so nothing depends on how the query is read. SQLite needs no
    such check: its authorizer sees each call, and it has no functions that run a text as a query.
    """
    if connection.dialect.name == "sqlite":
        return []
    text = query.lower().replace('""', '"')
    if 'u&"' in text:
        return ['U&"..."']  # an escaped name
    words = sorted({_compared(word) for word in re.findall(r"[\w$]+", text)})
    found = connection.execute(_REFUSED, {"words": words, "allowed": sorted(ALLOWED & {*words})})
    return sorted(row.proname for row in found if row.plain or row.proname.lower() in text)


def _compared(word: str) -> str:
    """Return the part of a name that Postgres compares."""
    return word.encode(errors="replace")[:_NAME_BYTES].decode(errors="ignore")
