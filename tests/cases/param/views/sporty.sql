select * from [recent] where [sport=sport]
{% form %}
sport: {type: multiselect, default: []}
{% endform %}
