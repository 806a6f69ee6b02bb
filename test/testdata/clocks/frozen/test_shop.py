from work import work


def test_list():
    work()


def test_pay():
    work()
