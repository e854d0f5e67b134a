package bench

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"ekyc"
	"ekyc/internal/profile"
)

// ProfileResult is how the profile checks answer labelled lists. Nothing is asked of the DNS.
type ProfileResult struct {
	Countries CountryRates `json:"countries"`
	Phones    PhoneRates   `json:"phones"`
	Domains   DomainRates  `json:"domains"`
	Names     *NameResult  `json:"names,omitempty"` // nil where the folder has no lists/names.tsv
}

// CountryRates are the codes that are taken for the country that they stand for.
type CountryRates struct {
	Alpha2 Rate `json:"alpha2"` // of ISO 3166-1
	Alpha3 Rate `json:"alpha3"`
	ICAO   Rate `json:"icao"` // of Doc 9303-3 alone
}

// PhoneRates are the telephone numbers that are answered as labelled.
type PhoneRates struct {
	Valid    Rate `json:"valid"`    // valid E.164 that passes
	Region   Rate `json:"region"`   // of those, the country
	Possible Rate `json:"possible"` // of those, the country is among the possible ones: territories share ranges of numbers
	Type     Rate `json:"type"`     // of those, mobile or fixed line
	National Rate `json:"national"` // written as in their country, beside it: normalised to E.164
	Invalid  Rate `json:"invalid"`  // not canonical or not valid, and not passed
}

// DomainRates are the mail domains that are answered as labelled.
type DomainRates struct {
	Disposable Rate `json:"disposable"` // throw-away domains found
	Allowed    Rate `json:"allowed"`    // others left alone
}

// The truth files of lists/.
type (
	countryList struct {
		ISO []struct {
			Alpha2 string `json:"alpha2"`
			Alpha3 string `json:"alpha3"`
		} `json:"iso3166"`
		ICAO map[string]string `json:"icao9303_special"` // code to name
	}
	phoneCase struct {
		E164     string `json:"e164"`
		National string `json:"national"`
		Region   string `json:"region"`
		Kind     string `json:"kind"` // mobile or fixedLine
		Valid    bool   `json:"valid"`
	}
	phoneList struct {
		Cases []phoneCase `json:"cases"`
	}
	domainList struct {
		Disposable []string `json:"disposable"`
		Allowed    []string `json:"allowed"`
	}
)

// profile puts every entry of lists/ through the checks.
func (b *Bench) profile(ctx context.Context) (*ProfileResult, error) {
	checker := profile.New(profile.Options{})
	result := &ProfileResult{}
	for _, part := range []struct {
		file string
		run  func(path string) error
	}{
		{"countries.json", func(path string) error { return b.countries(ctx, checker, path, &result.Countries) }},
		{"phones_e164.json", func(path string) error { return b.phones(ctx, checker, path, &result.Phones) }},
		{"email_domains.json", func(path string) error { return b.domains(ctx, checker, path, &result.Domains) }},
		{"names.tsv", func(path string) (err error) { result.Names, err = b.names(ctx, checker, path); return err }},
	} {
		if !exists(b.dir, filepath.Join("lists", part.file)) {
			continue
		}
		if err := part.run(filepath.Join(b.dir, "lists", part.file)); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// checked is the answer to one entry. An entry that the checks refuse altogether has no checks and no normal forms.
func checked(ctx context.Context, checker *profile.Checker, in profile.Input) (profile.Result, error) {
	answer, err := checker.Check(ctx, in)
	if err != nil && ekyc.CodeOf(err) == ekyc.ErrCancelled {
		return answer, err
	}
	return answer, nil
}

func statusOf(answer profile.Result, check string) ekyc.CheckStatus {
	for _, c := range answer.Checks {
		if c.Name == check {
			return c.Status
		}
	}
	return ekyc.NotExecuted
}

// counts adds one answer and remembers the entry where it is not the labelled one. Entries are named by list and place.
func (b *Bench) counts(t *tally, right bool, list string, place any, what string) {
	t.add(right)
	if !right {
		b.fault(fmt.Sprintf("lists/%s:%v", list, place), what)
	}
}

func (b *Bench) countries(ctx context.Context, checker *profile.Checker, path string, rates *CountryRates) error {
	var list countryList
	if err := readJSON(path, &list); err != nil {
		return err
	}
	var alpha2, alpha3, icao tally
	known := func(t *tally, code string, want ...string) error {
		answer, err := checked(ctx, checker, profile.Input{Country: code})
		if err == nil {
			b.counts(t, slices.Contains(want, answer.Normalised.Country), "countries.json", code, "the code is taken for another country or none")
		}
		return err
	}
	for _, c := range list.ISO {
		if err := known(&alpha2, c.Alpha2, c.Alpha3); err != nil {
			return err
		}
		if err := known(&alpha3, c.Alpha3, c.Alpha3); err != nil {
			return err
		}
	}
	for _, code := range slices.Sorted(maps.Keys(list.ICAO)) {
		want := []string{code}
		if c, found := ekyc.CountryByCode(code); found && c.Alpha3 != "" {
			want = append(want, c.Alpha3) // D is normalised to DEU
		}
		if err := known(&icao, code, want...); err != nil {
			return err
		}
	}
	*rates = CountryRates{Alpha2: alpha2.rate(), Alpha3: alpha3.rate(), ICAO: icao.rate()}
	return nil
}

// phoneTypes are the types that a label may be answered with: in some countries numbers do not tell mobile from fixed lines.
var phoneTypes = map[string][]string{"mobile": {"mobile", "fixed_line_or_mobile"}, "fixedLine": {"fixed_line", "fixed_line_or_mobile"}}

// phoneCountry is the country of a region of telephone metadata, as documents code it.
func phoneCountry(region string) string {
	switch region {
	case "XK":
		return "RKS"
	case "AC", "TA": // Ascension and Tristan da Cunha are of SHN in ISO 3166-1
		return "SHN"
	}
	c, _ := ekyc.CountryByCode(region)
	return c.Alpha3
}

func possibleRegions(answer profile.Result) []string {
	for _, c := range answer.Checks {
		if c.Name == profile.CheckPhoneRegion {
			regions, _ := c.Evidence["possible_regions"].([]string)
			return regions
		}
	}
	return nil
}

func (b *Bench) phones(ctx context.Context, checker *profile.Checker, path string, rates *PhoneRates) error {
	var list phoneList
	if err := readJSON(path, &list); err != nil {
		return err
	}
	const file = "phones_e164.json"
	var valid, region, possible, kind, national, invalid tally
	for i, c := range list.Cases {
		answer, err := checked(ctx, checker, profile.Input{Phone: c.E164})
		if err != nil {
			return err
		}
		passed := statusOf(answer, profile.CheckPhoneFormat) == ekyc.Pass
		if !c.Valid {
			b.counts(&invalid, !passed, file, i, "the number is passed though it is not valid E.164")
			continue
		}
		where := phoneCountry(c.Region)
		b.counts(&valid, passed && answer.Normalised.Phone == c.E164, file, i, "the number is not passed")
		b.counts(&region, answer.Normalised.PhoneRegion == where, file, i, "the number is placed in "+answer.Normalised.PhoneRegion)
		possible.add(slices.Contains(possibleRegions(answer), where))
		b.counts(&kind, slices.Contains(phoneTypes[c.Kind], answer.Normalised.PhoneType), file, i, "the number is called "+answer.Normalised.PhoneType)
		if answer, err = checked(ctx, checker, profile.Input{Phone: c.National, Country: c.Region}); err != nil {
			return err
		}
		b.counts(&national, answer.Normalised.Phone == c.E164, file, i, "the national number is not understood")
	}
	*rates = PhoneRates{Valid: valid.rate(), Region: region.rate(), Possible: possible.rate(), Type: kind.rate(), National: national.rate(), Invalid: invalid.rate()}
	return nil
}

func (b *Bench) domains(ctx context.Context, checker *profile.Checker, path string, rates *DomainRates) error {
	var list domainList
	if err := readJSON(path, &list); err != nil {
		return err
	}
	var disposable, allowed tally
	for _, part := range []struct {
		count   *tally
		domains []string
		want    ekyc.CheckStatus
	}{{&disposable, list.Disposable, ekyc.Fail}, {&allowed, list.Allowed, ekyc.Pass}} {
		for _, domain := range part.domains {
			answer, err := checked(ctx, checker, profile.Input{Email: "somebody@" + domain})
			if err != nil {
				return err
			}
			status := statusOf(answer, profile.CheckEmailDisposable)
			b.counts(part.count, status == part.want, "email_domains.json", domain, "email_disposable says "+string(status))
		}
	}
	*rates = DomainRates{Disposable: disposable.rate(), Allowed: allowed.rate()}
	return nil
}

func (r *Result) printProfile(w io.Writer) {
	p := r.Profile
	if p == nil {
		return
	}
	fmt.Fprintln(w, "\nPROFILE")
	for _, row := range []struct {
		name string
		rate Rate
	}{
		{"countries, alpha-2", p.Countries.Alpha2}, {"countries, alpha-3", p.Countries.Alpha3}, {"codes of ICAO's own", p.Countries.ICAO},
		{"telephone numbers passed", p.Phones.Valid}, {"their country", p.Phones.Region}, {"their country possible", p.Phones.Possible}, {"their type", p.Phones.Type},
		{"in national form", p.Phones.National}, {"bad ones not passed", p.Phones.Invalid},
		{"throw-away domains found", p.Domains.Disposable}, {"others left alone", p.Domains.Allowed},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row.name, row.rate)
	}
	if p.Names != nil {
		p.Names.print(w)
	}
}
