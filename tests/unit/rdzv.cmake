torchelastic_unit_test(rdzv_test LINKS torchelastic::rdzv)
