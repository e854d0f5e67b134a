package profile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"math/big"
	"net/netip"
	"slices"
	"strings"

	"github.com/phuslu/iploc"

	"ekyc"
)

// IPTable maps ranges of internet addresses to countries. A nil one is the embedded table (github.com/phuslu/iploc, MIT; its data is
// IP2Location LITE, CC BY-SA 4.0).
type IPTable struct {
	ranges []ipRange // sorted, without overlap
}

type ipRange struct {
	first, last netip.Addr
	country     string
}

// mostRanges bounds an operator's file; the largest public table of countries has under a million ranges.
const mostRanges = 5_000_000

// ReadIPTable reads an operator's own table from CSV: `first,last,country` or `block,country`, further columns ignored. Addresses are
// written as such or as decimal integers (as IP2Location does), countries with two or three letters; "ZZ", "-" and "" stand for unknown.
// Empty lines, lines that begin with # and one line of headings are passed over. A bad line or an overlap is an invalid_argument error
// whose details give the line.
func ReadIPTable(r io.Reader) (*IPTable, error) {
	rows := csv.NewReader(bufio.NewReader(r))
	rows.Comment, rows.FieldsPerRecord, rows.ReuseRecord, rows.TrimLeadingSpace = '#', -1, true, true
	table := &IPTable{}
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if parse, isParse := errors.AsType[*csv.ParseError](err); isParse {
			return nil, badLine(parse.Line, "it is not CSV")
		} else if err != nil {
			return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the table of IP ranges cannot be read").Because(err)
		}
		line, _ := rows.FieldPos(0)
		parsed, fault := parseRange(row)
		switch {
		case fault == faultAddress && first:
			continue // headings
		case fault != "":
			return nil, badLine(line, fault)
		case len(table.ranges) == mostRanges:
			return nil, badLine(line, "the table has too many ranges")
		}
		table.ranges = append(table.ranges, parsed)
	}
	if err := table.sort(); err != nil {
		return nil, err
	}
	return table, nil
}

func badLine(line int, fault string) error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "line %d of the table of IP ranges: %s", line, fault).With("line", line)
}

// What is wrong with a line.
const (
	faultAddress = "the range is not one of addresses"
	faultColumns = "it has too few columns"
	faultOrder   = "the range ends before it begins, or mixes IPv4 and IPv6"
	faultCountry = "the country is not a code of ISO 3166-1"
)

func parseRange(row []string) (ipRange, string) {
	if len(row) < 2 {
		return ipRange{}, faultColumns
	}
	code := ""
	var r ipRange
	if block, err := netip.ParsePrefix(row[0]); err == nil {
		code, r.first, r.last = row[1], block.Masked().Addr(), lastOf(block)
	} else {
		if len(row) < 3 {
			return ipRange{}, faultAddress
		}
		last, lastOK := parseBound(row[1], false)
		first, firstOK := parseBound(row[0], last.Is6())
		if !firstOK || !lastOK {
			return ipRange{}, faultAddress
		}
		code, r.first, r.last = row[2], first, last
	}
	if r.first.Is4() != r.last.Is4() || r.last.Less(r.first) {
		return ipRange{}, faultOrder
	}
	if code = strings.ToUpper(strings.TrimSpace(code)); code == "" || code == "-" || code == "ZZ" {
		return r, ""
	}
	c, known := countryOf(code)
	if !known {
		return ipRange{}, faultCountry
	}
	r.country = c.code()
	return r, ""
}

// parseBound reads an address or its integer. A number below 2^32 is IPv4 unless the other end of the range is IPv6.
func parseBound(s string, wide bool) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.WithZone(""), true
	}
	const longestInteger = 39 // digits of 2^128
	if s == "" || len(s) > longestInteger || strings.Trim(s, "0123456789") != "" {
		return netip.Addr{}, false
	}
	n, _ := new(big.Int).SetString(s, 10)
	if n.BitLen() > 128 {
		return netip.Addr{}, false
	}
	var b [16]byte
	n.FillBytes(b[:])
	if n.BitLen() <= 32 && !wide {
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return netip.AddrFrom16(b), true
}

func lastOf(block netip.Prefix) netip.Addr {
	b := block.Addr().AsSlice()
	for bit := block.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

func (t *IPTable) sort() error {
	slices.SortFunc(t.ranges, func(a, b ipRange) int { return a.first.Compare(b.first) })
	for i := 1; i < len(t.ranges); i++ {
		if !t.ranges[i-1].last.Less(t.ranges[i].first) {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "ranges of the table of IP ranges overlap").With("from", t.ranges[i].first.String())
		}
	}
	return nil
}

// country gives a code, or one that is no country's where the table has none.
func (t *IPTable) country(addr netip.Addr) string {
	if t == nil {
		return iploc.IPCountry(addr)
	}
	i, found := slices.BinarySearchFunc(t.ranges, addr, func(r ipRange, a netip.Addr) int { return r.first.Compare(a) })
	if !found {
		i--
	}
	if i < 0 || t.ranges[i].last.Less(addr) {
		return ""
	}
	return t.ranges[i].country
}
