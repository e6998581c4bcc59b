"""From any voice to the motion of lips and jaw."""
