"""What viewers show: found in a store and a results folder, put together as one scene."""
