DROP TABLE upload_places;
DROP TABLE uploads;
