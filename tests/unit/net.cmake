torchelastic_unit_test(net_test LINKS torchelastic::net)
