"""Teaching the feature net what is alike: pictures changed in known ways, and how much an eye minds each."""
