torchelastic_unit_test(report_test LINKS torchelastic::report)
