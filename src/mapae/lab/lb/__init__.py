"""`mapae lab lb`: six ways to know who asks, behind one load balancer, each measured in the same way."""
