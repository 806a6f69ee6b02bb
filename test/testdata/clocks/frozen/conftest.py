from freezegun import freeze_time

freeze_time("2020-02-29 12:00:00", tick=True).start()
