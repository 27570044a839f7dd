torchelastic_unit_test(wire_test LINKS torchelastic::wire)
torchelastic_unit_test(wire_clock_test LINKS torchelastic::wire)
torchelastic_unit_test(wire_limits_test LINKS torchelastic::wire)
