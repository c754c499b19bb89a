"""What a BMC says unasked: event streams, subscriptions and the deliveries to them."""
