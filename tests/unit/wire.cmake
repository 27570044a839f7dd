torchelastic_unit_test(wire_test LINKS torchelastic::wire)
