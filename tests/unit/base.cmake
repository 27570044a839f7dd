torchelastic_unit_test(base_test LINKS torchelastic::base)
