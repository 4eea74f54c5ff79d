"""The organisation portal's file, as it is exported, mended by spreadsheets, and pasted."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.money import Money
from portal.payments import statement_csv
from portal.payments.statement import StatementRow, moment_of
from portal.payments.statement_csv import CsvStatement, read_csv

NOON = 1_795_858_200_000  # 2026-11-28 12:30:00 in Nairobi
NAMES = (
    *("Receipt No.", "Completion Time", "Details", "Transaction Status", "Paid In", "Withdrawn", "Balance"),
    *("Reason Type", "Other Party Info", "Linked Transaction ID", "A/C No."),
)


def cells(**changes: str) -> dict[str, str]:
    return {
        "Receipt No.": "UKS1AB2CD3",
        "Completion Time": "2026-11-28 12:30:00",
        "Details": "Pay Bill from 254712345678 - JOYCE Acc. b4k d92x",
        "Transaction Status": "Completed",
        "Paid In": "1,000.00",
        "Withdrawn": "",
        "Balance": "4,000.00",
        "Reason Type": "Pay Bill Online",
        "Other Party Info": "254712345678 - JOYCE WANJIRU",
        "Linked Transaction ID": "",
        "A/C No.": "b4k d92x",
        **changes,
    }


def file(*rows: dict[str, str], names: tuple[str, ...] = NAMES, separator: str = ",", above: str = "") -> str:
    text = io.StringIO()
    out = csv.writer(text, delimiter=separator)
    out.writerow(names)
    out.writerows([[row[name] for name in names] for row in rows])
    return above + text.getvalue()


def only(found: CsvStatement) -> StatementRow:
    assert (found.problem, found.bad_lines, len(found.rows)) == ("", (), 1)
    return found.rows[0]


PAID = StatementRow(
    number="UKS1AB2CD3",
    amount=Money(100_000),
    written="2026-11-28 12:30:00",
    kind="in",
    account_ref="B4KD92X",
    payer="254712345678",
)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_any_separator_and_any_end_of_line(separator: str, end: str) -> None:
    text = file(cells(), separator=separator).replace("\r\n", end)

    assert only(read_csv(text)) == PAID
    assert only(read_csv(text.encode())) == PAID


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-8", "utf-16", "cp1252"])
def test_the_encodings_that_spreadsheets_write(code: str) -> None:
    body = file(cells(Details="José")).encode(code)

    assert only(read_csv(body)) == PAID


def test_columns_are_found_in_any_order_and_case_below_other_lines() -> None:
    above = 'Organization Name:,"PWANI; NET"\r\nShort Code:,174379\r\n\r\nTime Period:,From a to b\r\n'
    found = read_csv(file(cells(), names=NAMES[::-1], above=above).replace("Receipt No.", ' "RECEIPT NO" '))

    assert (only(found), found.shortcodes) == (PAID, ("174379",))


def test_columns_that_nobody_needs_may_be_missing_or_new() -> None:
    names = ("Receipt No.", "Transaction Status", "Completion Time", "Paid In")
    found = only(read_csv(file(cells(), names=names)))

    assert (found.number, found.amount, found.kind, found.account_ref, found.payer) == (
        *(PAID.number, PAID.amount, "in"),
        *("", ""),
    )


@pytest.mark.parametrize("written", ["2026-11-28 12:30:00", "28-11-2026 12:30:00", "28-11-2026 12:30"])
def test_times_are_east_african_in_both_orders(written: str) -> None:
    found = only(read_csv(file(cells(**{"Completion Time": written}))))

    assert moment_of(found.written, "eat") == NOON


@pytest.mark.parametrize("amount", ["1,000.00", "1000", "1000.0", "1,000", "KES 1,000.00", " 1000.00 "])
def test_amounts_as_people_write_them(amount: str) -> None:
    assert only(read_csv(file(cells(**{"Paid In": amount})))).amount == Money(100_000)


@pytest.mark.parametrize("withdrawn", ["20.00", "-20.00", "-20"])
def test_a_reversal_goes_out_and_names_what_it_takes_back(withdrawn: str) -> None:
    row = cells(
        **{"Paid In": "", "Withdrawn": withdrawn, "Reason Type": "Transaction Reversal"},
        **{"Linked Transaction ID": "UKS1AB2CD3", "Receipt No.": "UKS7ZZ7ZZ7"},
    )
    found = only(read_csv(file(row)))

    assert (found.kind, found.amount, found.linked, found.number) == ("out", Money(2000), "UKS1AB2CD3", "UKS7ZZ7ZZ7")


@pytest.mark.parametrize(
    "reason", ["Pay Bill Charge", "Merchant to Organization Settlement", "Organization Settlement"]
)
def test_charges_and_settlements_are_the_shop_s_own_affair(reason: str) -> None:
    out = cells(**{"Paid In": "0.00", "Withdrawn": "-5.00", "Reason Type": reason})

    assert only(read_csv(file(out))).kind == "other"


def test_what_a_customer_typed_makes_no_payment_a_charge() -> None:
    row = cells(Details="Pay Bill from 2547 Acc. charge settlement reversal", **{"A/C No.": "charge"})

    assert only(read_csv(file(row))).kind == "in"


@pytest.mark.parametrize("status", ["Cancelled", "Declined", "Expired", "Pending", ""])
def test_only_what_completed_counts(status: str) -> None:
    found = read_csv(file(cells(**{"Transaction Status": status}), cells()))

    assert (found.rows, found.unfinished, found.bad_lines) == ((PAID,), 1, ())


@pytest.mark.parametrize(
    "change, why",
    [
        ({"Receipt No.": ""}, "receipt"),
        ({"Receipt No.": "=HYPERLINK(1)"}, "receipt"),
        ({"Completion Time": "28/11/2026 12:30"}, "time"),
        ({"Completion Time": ""}, "time"),
        ({"Paid In": ""}, "amount"),
        ({"Paid In": "0.00", "Withdrawn": "0.00"}, "amount"),
        ({"Paid In": "10.00", "Withdrawn": "10.00"}, "amount"),
        ({"Paid In": "1.000,00"}, "amount"),
        ({"Paid In": "-5.00"}, "amount"),
        ({"Paid In": "-5.00", "Withdrawn": "10.00"}, "amount"),
        ({"Paid In": "5.005"}, "amount"),
        ({"Paid In": "1e9"}, "amount"),
        ({"Paid In": "٢٠"}, "amount"),
        ({"Paid In": "NaN"}, "amount"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_others_count(change: dict[str, str], why: str) -> None:
    found = read_csv(file(cells(**change), cells(), above="Short Code:,174379\r\n\r\n"))

    assert (found.rows, found.bad_lines) == ((PAID,), ((4, why),))


def test_a_line_that_is_too_short_is_named_and_an_empty_one_is_not() -> None:
    found = read_csv(file(cells()) + "\r\n,,,\r\nUKS1AB2CD3,2026-11-28 12:30:00\r\n")

    assert (found.rows, found.bad_lines) == ((PAID,), ((5, "columns"),))


@pytest.mark.parametrize("place", ["Details", "Other Party Info", "A/C No.", "Receipt No."])
def test_a_stray_quotation_mark_spoils_its_own_line_and_no_other(place: str) -> None:
    """Read on into the next line, it would give the money of one to the other."""
    first, last = cells(**{place: "STRAY"}), cells(**{"Receipt No.": "UKS2222222"})
    text = file(first, last).replace("STRAY", '"STRAY')
    found = read_csv(text)

    assert found.bad_lines == ((2, "unreadable"),)
    assert [row.number for row in found.rows] == ["UKS2222222"]


def test_a_quotation_mark_within_a_cell_is_a_mark_like_any_other() -> None:
    text = file(cells(Details="Acc. STRAY")).replace("STRAY", 'b"4k')

    assert only(read_csv(text)) == PAID


@pytest.mark.parametrize("money", ["1,000.00", "10,50"])
def test_a_separator_within_a_cell_shifts_no_amount(money: str) -> None:
    text = file(cells(**{"Paid In": "STRAY", "A/C No.": ""})).replace("STRAY", money)

    assert read_csv(text).bad_lines == ((2, "columns"),)


def test_empty_cells_may_be_missing_at_the_end_as_spreadsheets_leave_them_out() -> None:
    text = file(cells(**{"A/C No.": ""})).removesuffix(",,\r\n") + "\r\n"

    assert only(read_csv(text)).account_ref == ""


@pytest.mark.parametrize("names", [NAMES, ("Receipt No.", "Transaction Status", "Completion Time", "Paid In")])
def test_a_file_that_ends_within_a_line_gives_no_half_amount_and_no_half_line(
    names: tuple[str, ...],
) -> None:
    text = file(cells(**{"Paid In": "1000.00", "Details": "x"}), names=names).removesuffix("\r\n")
    head = len(file(names=names))
    ends = [end for end in range(head, len(text) + 1) if read_csv(text[:end]).rows]

    assert {only(read_csv(text[:end])).amount for end in ends} == {Money(100_000)}
    assert {text[:end].count(",") for end in ends} == {text.count(",")}


def test_the_statements_of_two_shops_in_one_file_are_known_as_such() -> None:
    first, other = (f"Organization Name:,X\r\nShort Code:,{code}\r\n\r\n" for code in ("174379", "600123"))
    text = file(cells(), above=first) + file(cells(**{"Receipt No.": "UKS2222222"}), above=other)

    assert read_csv(text).shortcodes == ("174379", "600123")


def test_what_a_customer_typed_makes_no_file_that_of_another_shop() -> None:
    row = cells(**{"A/C No.": "Short Code: 600123"})
    text = file(row, cells(**{"Details": "Short Code: 600123", "Paid In": "x"}), above="Short Code:,174379\r\n")

    assert read_csv(text).shortcodes == ("174379",)


@pytest.mark.parametrize("text", ["", "hello", "Receipt No.,Paid In\r\n1,2", "\n" * 31 + file(cells())])
def test_without_its_columns_it_is_no_statement(text: str) -> None:
    assert read_csv(text) == CsvStatement(problem="no-columns")


def test_its_size_is_bounded() -> None:
    assert read_csv(b" " * (statement_csv.MAX_BYTES + 1)).problem == "too-large"
    assert read_csv("\n" * statement_csv.MAX_LINES).problem == "too-many-lines"


def test_a_line_beyond_all_bounds_is_one_bad_line() -> None:
    found = read_csv(file(cells(Details="x" * 200_000), cells()))

    assert (found.rows, found.bad_lines) == ((PAID,), ((2, "unreadable"),))


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nothing_whatever_makes_the_reader_fail(body: bytes | str) -> None:
    read_csv(body)


@given(st.lists(st.lists(st.text(max_size=12) | st.sampled_from(list(cells().values())), max_size=12), max_size=6))
def test_no_line_whatever_makes_the_reader_fail(lines: list[list[str]]) -> None:
    found = read_csv(file() + "\r\n".join(",".join(line) for line in lines))

    assert found.problem == ""
    assert all(row.amount.minor > 0 and moment_of(row.written, "eat") is not None for row in found.rows)
