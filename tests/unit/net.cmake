torchelastic_unit_test(net_test LINKS torchelastic::net)
torchelastic_unit_test(net_port_range_test LINKS torchelastic::net)
